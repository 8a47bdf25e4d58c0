"""A story of the lab as the stage of the demo's play."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bot.adapters.kube.resources import EVENTS, JOBS
from tests.lab import admin
from tests.lab.admin import KubeObject
from tests.lab.kata.jobs import failing_job, imageless_job, kata_job, tenants_job
from tests.lab.story import Story
from tests.sandbox.controllers import IMS_NAMESPACE
from tests.sandbox.controllers.objects import Action
from tests.sandbox.demo.stage import FOREIGN_JOB
from tests.sandbox.mirror import Mirror
from tests.sandbox.slack import SlackServer
from tests.sandbox.whole import BotProcess
from tests.sandbox.whole.process import Record

_T = TypeVar("_T")


class LabStage:
    """`story` must be entered and not begun, and its workers in the states that the chapters tell of."""

    def __init__(self, story: Story) -> None:
        self._story = story

    @property
    def slack(self) -> SlackServer:
        return self._story.slack

    @property
    def bot(self) -> BotProcess:
        return self._story.bot

    @property
    def journal(self) -> Path:
        return self._story.folder / "state/journal.sqlite"

    @property
    def mirror(self) -> Mirror:
        return self._story.mirror

    async def begin(self, on_record: Callable[[Record], None]) -> None:
        self._story.on_record = on_record
        await self._story.begin()

    async def label(self, *nodes: str, value: str | None = "true") -> None:
        await self._story.label(*nodes, value=value)

    async def delete_runtime_class(self) -> None:
        await self._story.delete_runtime_class()

    async def create_job(self, action: Action, node: str = "") -> str:
        return await self._story.create_job(kata_job(action, node=node))

    async def create_near_misses(self, node: str) -> tuple[str, ...]:
        jobs = (imageless_job(node), failing_job(node), tenants_job(FOREIGN_JOB, node))
        return tuple([await self._story.create_job(job) for job in jobs])

    async def job(self, name: str) -> KubeObject:
        return await self._story.admin.get(JOBS, name, IMS_NAMESPACE)

    async def warnings(self, job: str) -> Sequence[KubeObject]:
        about = [job, *(pod["metadata"]["name"] for pod in await self._story.pods_of(job))]
        events = await self._story.admin.list(EVENTS, IMS_NAMESPACE)
        return [
            event
            for name in about
            for event in events
            if event["involvedObject"]["name"] == name and event["type"] == "Warning"
        ]

    async def until(self, look: Callable[[], Awaitable[_T | None]], timeout_s: float) -> _T:
        return await admin.until(look, timeout_s)

    async def complaints(self) -> list[str]:
        return await self._story.complaints()

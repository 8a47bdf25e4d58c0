"""Where the story plays: what is asked of a cluster with its Slack and its bot, and the sandbox as such a stage.

The lab is another one (`tests/lab/demo`). A stage decides what a job consists of; which jobs there are, and on
which workers, is the story's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from tests.sandbox.api import EVENTS, NODES, RUNTIMECLASSES, KubeObject
from tests.sandbox.controllers import (
    IMS_NAMESPACE,
    KATA_LABEL,
    failing_ims_job,
    ims_job,
    other_job,
    unpullable_ims_job,
)
from tests.sandbox.controllers.objects import Action
from tests.sandbox.mirror import Mirror
from tests.sandbox.slack import SlackServer
from tests.sandbox.whole import BotProcess, Sandbox, complaints, pinned
from tests.sandbox.whole.afterwards import configurations
from tests.sandbox.whole.process import Record

FOREIGN_JOB = "nightly-report"
_T = TypeVar("_T")


class Stage(Protocol):
    """A running cluster. Whatever creates jobs returns their names."""

    @property
    def slack(self) -> SlackServer: ...

    @property
    def bot(self) -> BotProcess:
        """There is one from `begin` on."""

    @property
    def journal(self) -> Path: ...

    @property
    def mirror(self) -> Mirror:
        """Where the bot has Kata's archive fetched from."""

    async def begin(self, on_record: Callable[[Record], None]) -> None:
        """Remember how everything is, and start the bot; each line of its log is told. Raises BotDied."""

    async def label(self, *nodes: str, value: str | None = "true") -> None:
        """Give nodes Kata's label, or take it away with None."""

    async def delete_runtime_class(self) -> None: ...

    async def create_job(self, action: Action, node: str = "") -> str:
        """An IMS job that needs Kata. `node`: the only one that it may go to."""

    async def create_near_misses(self, node: str) -> tuple[str, ...]:
        """An IMS job whose image does not exist, one that fails by itself, and a job that is none of IMS's."""

    async def job(self, name: str) -> KubeObject: ...

    async def warnings(self, job: str) -> Sequence[KubeObject]:
        """Events of type Warning about that job, and then about its pods."""

    async def until(self, look: Callable[[], Awaitable[_T | None]], timeout_s: float) -> _T:
        """What `look` finds as soon as it finds something. Raises TimeoutError."""

    async def complaints(self) -> list[str]:
        """What does not hold now that all is over; the bot is stopped first."""


class SandboxStage:
    """The sandbox, which must have started; its bot must not."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._before: dict[str, bytes] = {}

    @property
    def slack(self) -> SlackServer:
        return self._sandbox.slack

    @property
    def bot(self) -> BotProcess:
        return self._sandbox.bot

    @property
    def journal(self) -> Path:
        return self._sandbox.folder / "state/journal.sqlite"

    @property
    def mirror(self) -> Mirror:
        return self._sandbox.mirror

    async def begin(self, on_record: Callable[[Record], None]) -> None:
        self._before = configurations(self._sandbox)
        self.bot.on_record = on_record
        await self.bot.start()

    async def label(self, *nodes: str, value: str | None = "true") -> None:
        for node in nodes:
            self._sandbox.registry.patch(NODES, node, {"metadata": {"labels": {KATA_LABEL: value}}})

    async def delete_runtime_class(self) -> None:
        self._sandbox.registry.delete(RUNTIMECLASSES, "kata-qemu")

    async def create_job(self, action: Action, node: str = "") -> str:
        job = ims_job(action)
        return self._sandbox.create_job(pinned(job, node) if node else job)

    async def create_near_misses(self, node: str) -> tuple[str, ...]:
        jobs = (pinned(unpullable_ims_job(), node), pinned(failing_ims_job(), node), other_job(FOREIGN_JOB))
        return tuple(self._sandbox.create_job(job) for job in jobs)

    async def job(self, name: str) -> KubeObject:
        return self._sandbox.job(name)

    async def warnings(self, job: str) -> Sequence[KubeObject]:
        pod = self._sandbox.pod_of(job)
        about = [job, *([pod["metadata"]["name"]] if pod else ())]
        events = self._sandbox.registry.list(EVENTS, IMS_NAMESPACE)
        return [
            event
            for name in about
            for event in events
            if event["involvedObject"]["name"] == name and event["type"] == "Warning"
        ]

    async def until(self, look: Callable[[], Awaitable[_T | None]], timeout_s: float) -> _T:
        store = self._sandbox.registry.store
        async with asyncio.timeout(timeout_s):
            while True:
                seen = store.revision
                if found := await look():
                    return found
                await store.wait_newer(seen)

    async def complaints(self) -> list[str]:
        await self.bot.stop()
        return complaints(self._sandbox, self._before)

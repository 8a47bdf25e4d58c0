"""What a real API server said during one story, kept as files that `make test` replays without a lab.

The form is that of `tests/cases/recordings`: a file of watch lines per resource, and `marks.jsonl` with what was
done, and when. Cut away are long fields that the bot never reads, and the heartbeats of nodes. Events begin with
the recording; of everything else the watch tells first what is there. A watch that breaks makes the recording
void, so a story that restarts the API server cannot be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.lines import LineSplitter
from bot.adapters.kube.resources import EVENTS, JOBS, NODES, PODS, RUNTIME_CLASSES, Resource
from bot.core.errors import BotError
from bot.core.settings import Kubernetes
from tests.lab.admin import KubeObject
from tests.lab.host import LabError

_RESOURCES: Final = (EVENTS, PODS, JOBS, NODES, RUNTIME_CLASSES)
_TIMEOUT_S: Final = 30
_DROPPED: Final = frozenset(
    {
        *("managedFields", "images", "declaredFeatures", "volumeMounts", "containerID", "imageID"),
        *("terminationMessagePath", "terminationMessagePolicy", "allocatedResources"),
        *("machineID", "systemUUID", "bootID", "kernelVersion"),
    }
)
"""Fields that are long and said elsewhere, or that only name the machine on which the lab ran."""

_HEARTBEAT: Final = frozenset({"resourceVersion", "lastHeartbeatTime"})
_LONGEST: Final = {"timeoutSeconds": "3600"}
"""Longer than any story."""


@asynccontextmanager
async def recording(kubeconfig: Path, folder: Path) -> AsyncIterator[Recording]:
    """Record into `folder` until the block ends. Raises LabError when something was missed."""
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        recorder = Recording(ApiClient(connection, timeout_s=_TIMEOUT_S), folder)
        await recorder.begin()
        try:
            yield recorder
        finally:
            await recorder.end()


class Recording:
    """One file per resource in `folder`; files of an earlier recording are written anew."""

    def __init__(self, api: ApiClient, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._watches: list[asyncio.Task[str]] = []
        self._marks: list[dict[str, str]] = []

    async def begin(self) -> None:
        """Returns when the server has taken every watch, or refused it."""
        async with aclosing(self._api.pages(EVENTS)) as pages:
            now = (await anext(pages)).resource_version
        for resource in _RESOURCES:
            taken = asyncio.Event()
            follow = self._follow(resource, now if resource is EVENTS else "", taken)
            self._watches.append(asyncio.create_task(follow, name=f"recording of {resource.plural}"))
            await taken.wait()

    def mark(self, what: str) -> None:
        """Say what is done now to the cluster, or was seen of the bot."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._marks.append({"mark": what, "at": at})

    async def end(self) -> None:
        """Raises LabError when a watch had ended before."""
        for watch in self._watches:
            watch.cancel()
        ends = await asyncio.gather(*self._watches, return_exceptions=True)
        broken = [str(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
        marks = b"".join(msgspec.json.encode(mark) + b"\n" for mark in self._marks)
        (self._folder / "marks.jsonl").write_bytes(marks)
        if broken:
            raise LabError(f"the recording in {self._folder} is not whole: {'; '.join(broken)}")

    async def _follow(self, resource: Resource[Any], version: str, taken: asyncio.Event) -> str:
        """Why it ended."""
        splitter, trimmer = LineSplitter(), Trimmer()
        with (self._folder / f"{resource.plural}.jsonl").open("wb", buffering=0) as file:
            try:
                async with self._api.watch(resource, "", {**_LONGEST, "resourceVersion": version}) as chunks:
                    taken.set()
                    async for chunk in chunks:
                        file.writelines(map(trimmer.trim, splitter.feed(chunk)))
            except BotError as error:
                return str(error)
            finally:
                taken.set()
        return f"the server ended the watch of {resource.plural}"


class Trimmer:
    """Cuts the watch lines of one resource down to what a reader may need."""

    def __init__(self) -> None:
        self._last: dict[str, KubeObject] = {}

    def trim(self, line: bytes) -> bytes:
        """Empty when nothing but a heartbeat is new."""
        said = _cut(msgspec.json.decode(line), _DROPPED)
        still = _cut(said["object"], _HEARTBEAT)
        uid = said["object"]["metadata"].get("uid", "")  # the Status that ends a watch has none
        if said["type"] == "MODIFIED" and self._last.get(uid) == still:
            return b""
        self._last[uid] = still
        return msgspec.json.encode(said) + b"\n"


def _cut(value: Any, names: frozenset[str]) -> Any:
    """Without the fields of those names, at any depth."""
    if isinstance(value, dict):
        return {key: _cut(inner, names) for key, inner in value.items() if key not in names}
    return [_cut(each, names) for each in value] if isinstance(value, list) else value

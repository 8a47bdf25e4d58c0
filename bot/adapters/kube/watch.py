"""List and watch of one resource, for ever: what the API server says about it, in order, with nothing missed.

A list gives every object and a resourceVersion; a watch goes on from there. After any break it resumes at the
last version seen (bookmarks keep that fresh on quiet resources). A version that is too old for the server (410,
as an HTTP status or as an ERROR line inside the stream) is followed by a new list at once. The server ends a
watch after `timeout_s`; the client gives up a little later, so that a dead connection is noticed.

Whatever goes wrong with the server, the watch goes on, with growing pauses; its `progress` tells the reason.
A line that does not decode is counted and skipped: one odd object must not make us deaf to all others.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, Protocol, TypeVar

import structlog

from bot.adapters.kube.backoff import Backoff
from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.lines import Bookmark, Deleted, LineSplitter, Refused, W, line_decoder
from bot.adapters.kube.resources import Call, Resource
from bot.adapters.kube.status import error_of
from bot.core.errors import UNDECODABLE, BotError, GoneError, TemporaryError, UnreachableError

log = structlog.get_logger(__name__)

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0

W_contra = TypeVar("W_contra", contravariant=True)


class Listener(Protocol[W_contra]):
    """Who is told. Called in the event loop, in the server's order; must not wait."""

    def list_begins(self) -> None:
        """A list follows in pages; one that was begun before and not ended is void."""

    def list_page(self, objects: Sequence[W_contra]) -> None: ...

    def list_ends(self) -> None:
        """The pages since `list_begins` were all that there is."""

    def changed(self, obj: W_contra, *, deleted: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long the server keeps one watch, and how much longer the client waits for its end."""

    timeout_s: float
    grace_s: float = 30.0


@dataclass(slots=True)
class Progress:
    """How a watch is doing, for readiness and metrics. Times are monotonic seconds."""

    name: str
    active_at: float
    """When the server last said anything, bookmarks included."""
    synced: bool = False
    """A whole list has been read."""
    failing_since: float | None = None
    error: str = ""
    lists: int = 0
    watches: int = 0
    """Opened, the first one and every one after a break."""
    lines: int = 0
    """Changes and bookmarks."""
    undecodable: int = 0


class Watch(Generic[W]):
    """Keeps `listener` up to date about one resource, in one namespace or in the whole cluster."""

    def __init__(
        self,
        api: ApiClient,
        resource: Resource[W],
        listener: Listener[W],
        bounds: Bounds,
        *,
        namespace: str = "",
        field_selector: str = "",
    ) -> None:
        self._api = api
        self._resource = resource
        self._listener = listener
        self._bounds = bounds
        self._namespace = namespace
        self._field_selector = field_selector
        self._decoder = line_decoder(resource.type)
        self._call = Call("watch", resource, namespace)
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._version = ""
        self._gone = False
        self.progress = Progress(name=str(self._call), active_at=time.monotonic())

    async def run(self) -> NoReturn:
        """Until cancelled. Only a mistake of ours, as in the listener, ends it with an exception."""
        while True:
            lines, begun = self.progress.lines, time.monotonic()
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                ended: BotError | None = None
            except BotError as error:
                ended = error
            lasted = time.monotonic() - begun >= self._bounds.timeout_s / 2
            if self.progress.lines > lines or (lasted and ended is None):
                self._backoff.reset()
                self._gone = False
            await asyncio.sleep(self._pause_s(ended))

    def _pause_s(self, ended: BotError | None) -> float:
        """How long to wait: not at all after a watch of full length, nor after a 410 that follows no other."""
        if ended is None and self._backoff.failures == 0:
            return 0.0
        asked_s = ended.retry_after_s if isinstance(ended, TemporaryError) else None
        pause_s = self._backoff.next_s(asked_s)
        if isinstance(ended, GoneError):
            self._version = ""
            pause_s = pause_s if self._gone else 0.0
        self._gone = isinstance(ended, GoneError)
        self._note_failure(ended, pause_s)
        return pause_s

    def _note_failure(self, ended: BotError | None, pause_s: float) -> None:
        self.progress.error = str(ended or f"{self._call}: the server ends every watch at once")
        if self.progress.failing_since is None:
            self.progress.failing_since = time.monotonic()
        log.warning("watch broken", watch=self.progress.name, error=self.progress.error, pause_s=round(pause_s, 2))

    def _alive(self) -> None:
        self.progress.active_at = time.monotonic()
        self.progress.failing_since = None

    async def _list(self) -> None:
        self._listener.list_begins()
        version = ""
        async for page in self._api.pages(self._resource, self._namespace, field_selector=self._field_selector):
            self._alive()
            for error in page.skipped:
                self._skip(error)
            self._listener.list_page(page.items)
            version = page.resource_version
        self._listener.list_ends()
        self._version = version
        self.progress.synced = True
        self.progress.lists += 1

    async def _follow(self) -> None:
        """One watch from the last version until it ends. Raises GoneError when that version is too old."""
        params = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(self._bounds.timeout_s))),
            "fieldSelector": self._field_selector,
        }
        deadline_s = self._bounds.timeout_s + self._bounds.grace_s
        lines = LineSplitter()
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._api.watch(self._resource, self._namespace, params) as chunks,
            ):
                self._alive()
                self.progress.watches += 1
                async for chunk in chunks:
                    self._alive()
                    for line in lines.feed(chunk):
                        self._hear(line)
        except TimeoutError as error:
            raise UnreachableError(
                f"{self._call}: the server did not end the watch within {deadline_s:g} s; the connection is dead"
            ) from error

    def _hear(self, line: bytes) -> None:
        if not line:
            return
        try:
            said = self._decoder.decode(line)
        except UNDECODABLE as error:
            self._skip(str(error))
            return
        if isinstance(said, Refused):
            raise error_of(self._call, said.object.code or 500, said.object, {})
        self.progress.lines += 1
        self._version = said.object.metadata.resource_version
        if not isinstance(said, Bookmark):
            self._listener.changed(said.object, deleted=isinstance(said, Deleted))

    def _skip(self, error: str) -> None:
        self.progress.undecodable += 1
        log.warning("object skipped", watch=self.progress.name, error=error)

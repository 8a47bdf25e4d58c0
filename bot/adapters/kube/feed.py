"""Everything that is watched, kept up to date in the world and told to one sink.

The sink hears nothing before every kind was listed once, so whatever it judges is judged against a whole world:
first each live object as `initial`, then every change, and the Warning Events of the IMS namespaces (design.md
4.1 hop 1). From then on each watch lives and fails for itself.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.resources import EVENTS, JOBS, NODES, PODS, RUNTIME_CLASSES
from bot.adapters.kube.watch import Bounds, Progress, Watch
from bot.adapters.kube.world import Table, WatchedWorld
from bot.core.objects import Event, Job, Node, Observed, Pod, RuntimeClass
from bot.core.world import Missing

Sink = Callable[[Observed], None]

REPLAY_CHUNK: Final = 200
"""Objects told in one turn of the loop at the start: renewals of Leases must not wait for ten thousand pods."""

FAILING_S: Final = 60.0
"""A watch that fails for so long is deaf; shorter is a restart of the API server."""

SILENT_TIMEOUTS: Final = 2
"""A healthy watch is ended by the server within one timeout, and the next one begins at once."""


class Feed:
    """Watches Pods, Jobs and Warning Events of `namespaces`, and all Nodes and RuntimeClasses.

    `run` it once, in a task of its own; `world` is readable at any time, and whole once `synced` is set.
    """

    def __init__(self, api: ApiClient, namespaces: Sequence[str], worker_names: str, bounds: Bounds) -> None:
        self.synced = asyncio.Event()
        self._bounds = bounds
        self._sink: Sink | None = None
        pods = {ns: Table[Pod](self._tell, self._listed) for ns in namespaces}
        jobs = {ns: Table[Job](self._tell, self._listed) for ns in namespaces}
        nodes = Table[Node](self._tell, self._listed)
        classes = Table[RuntimeClass](self._tell, self._listed)
        self._tables: tuple[Table[Any], ...] = (nodes, classes, *jobs.values(), *pods.values())
        self.world = WatchedWorld(
            pods=pods, jobs=jobs, nodes=nodes, runtime_classes=classes, worker_names=re.compile(worker_names)
        )
        passing = Passing(self._tell)
        self._kept: tuple[Watch[Any], ...] = (
            Watch(api, NODES, nodes, bounds),
            Watch(api, RUNTIME_CLASSES, classes, bounds),
            *(Watch(api, JOBS, jobs[ns], bounds, namespace=ns) for ns in namespaces),
            *(Watch(api, PODS, pods[ns], bounds, namespace=ns) for ns in namespaces),
        )
        self._hints = tuple(
            Watch(api, EVENTS, passing, bounds, namespace=ns, field_selector="type=Warning") for ns in namespaces
        )

    async def run(self, sink: Sink) -> None:
        """Until cancelled. The sink is called in the loop and must not wait; what it raises ends the feed."""
        async with asyncio.TaskGroup() as group:
            for watch in self._kept:
                group.create_task(watch.run(), name=watch.progress.name)
            await self.synced.wait()
            self._sink = sink
            await self._replay(sink)
            for watch in self._hints:
                group.create_task(watch.run(), name=watch.progress.name)

    def progress(self) -> tuple[Progress, ...]:
        """How each watch is doing."""
        return tuple(watch.progress for watch in (*self._kept, *self._hints))

    def deaf(self) -> str | None:
        """Why the feed cannot be relied on now, for `/readyz`; `None` when all is well."""
        now = time.monotonic()
        return next((why for p in self.progress() if (why := self._deaf(p, now))), None)

    def _deaf(self, progress: Progress, now: float) -> str | None:
        if not progress.synced:
            return f"{progress.name}: not listed yet{': ' if progress.error else ''}{progress.error}"
        if progress.failing_since is not None and now - progress.failing_since > FAILING_S:
            return f"{progress.name}: failing for {now - progress.failing_since:.0f} s: {progress.error}"
        silent_s = now - progress.active_at
        if silent_s > SILENT_TIMEOUTS * self._bounds.timeout_s:
            return f"{progress.name}: the server has said nothing for {silent_s:.0f} s"
        return None

    def _tell(self, observed: Observed) -> None:
        if self._sink is not None:
            self._sink(observed)
        self.world.wake()

    def _listed(self) -> None:
        if all(table.synced for table in self._tables):
            self.synced.set()

    async def _replay(self, sink: Sink) -> None:
        """Each live object as it is when its turn comes."""
        told = 0
        for table in self._tables:
            for name in table.names():
                obj = table.find(name)
                if not isinstance(obj, Missing):
                    sink(Observed(obj, initial=True))
                    told += 1
                if told % REPLAY_CHUNK == 0:
                    await asyncio.sleep(0)


class Passing:
    """A `watch.Listener` that keeps nothing: Events only hint."""

    def __init__(self, tell: Sink) -> None:
        self._tell = tell

    def list_begins(self) -> None: ...

    def list_page(self, objects: Sequence[Event]) -> None:
        for event in objects:
            self._tell(Observed(event, initial=True))

    def list_ends(self) -> None: ...

    def changed(self, obj: Event, *, deleted: bool) -> None:
        """An Event that expires says nothing about the world."""
        if not deleted:
            self._tell(Observed(obj))

"""The watch's cache: the live Pods, Jobs, Nodes and RuntimeClasses, as far as they are watched.

It answers as `bot.core.world.World` does: an object that is not there is absent only when its kind was listed
in that namespace; before that, and for namespaces that nobody watches, it is unknown. Events are not kept.

Ten thousand pods fit into some tens of megabytes, because the structs hold only what somebody reads, and equal
parts of them are kept once (`sharing`).
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from bot.adapters.kube.sharing import Sharing
from bot.core.claims import installs_kata
from bot.core.objects import Job, Node, Observed, Pod, RuntimeClass
from bot.core.world import Kept, Missing

K = TypeVar("K", bound=Kept)


class Table(Generic[K]):
    """The objects of one kind in one namespace; a `watch.Listener`. Tells each change after it is in the table."""

    def __init__(self, tell: Callable[[Observed], None], listed: Callable[[], None]) -> None:
        self.synced = False
        self._tell = tell
        self._listed = listed
        self._objects: dict[str, K] = {}
        self._all: tuple[K, ...] | None = None
        self._on_list: set[str] = set()
        self._sharing = Sharing()

    def find(self, name: str) -> K | Missing:
        found = self._objects.get(name)
        if found is not None:
            return found
        return Missing.ABSENT if self.synced else Missing.UNKNOWN

    def all(self) -> tuple[K, ...]:
        if self._all is None:
            self._all = tuple(self._objects.values())
        return self._all

    def names(self) -> tuple[str, ...]:
        return tuple(self._objects)

    def list_begins(self) -> None:
        self._on_list.clear()

    def list_page(self, objects: Sequence[K]) -> None:
        for obj in objects:
            meta = obj.metadata
            self._on_list.add(meta.name)
            known = self._objects.get(meta.name)
            if known is None or known.metadata.resource_version != meta.resource_version:
                self._keep(obj, initial=True)

    def list_ends(self) -> None:
        """What was known and is not on the list was deleted while nobody listened."""
        for name in self._objects.keys() - self._on_list:
            self._drop(self._objects[name])
        self._on_list.clear()
        self.synced = True
        self._listed()

    def changed(self, obj: K, *, deleted: bool) -> None:
        if deleted:
            self._drop(obj)
        else:
            self._keep(obj, initial=False)

    def _keep(self, obj: K, *, initial: bool) -> None:
        self._objects[obj.metadata.name] = self._sharing.share(obj)
        self._all = None
        self._tell(Observed(obj, initial=initial))

    def _drop(self, obj: K) -> None:
        self._objects.pop(obj.metadata.name, None)
        self._all = None
        self._tell(Observed(obj, deleted=True))


class WatchedWorld:
    """`bot.core.world.World` and the engine's `World` port over the tables of the feed."""

    def __init__(
        self,
        *,
        pods: Mapping[str, Table[Pod]],
        jobs: Mapping[str, Table[Job]],
        nodes: Table[Node],
        runtime_classes: Table[RuntimeClass],
        worker_names: re.Pattern[str],
    ) -> None:
        self._pods = pods
        self._jobs = jobs
        self._nodes = nodes
        self._runtime_classes = runtime_classes
        self._worker_names = worker_names
        self._waiting: set[asyncio.Future[None]] = set()

    def pod(self, namespace: str, name: str) -> Pod | Missing:
        return _find(self._pods, namespace, name)

    def job(self, namespace: str, name: str) -> Job | Missing:
        return _find(self._jobs, namespace, name)

    def node(self, name: str) -> Node | Missing:
        return self._nodes.find(name)

    def runtime_class(self, name: str) -> RuntimeClass | Missing:
        return self._runtime_classes.find(name)

    def nodes(self) -> Sequence[Node] | Missing:
        return self._nodes.all() if self._nodes.synced else Missing.UNKNOWN

    def pods(self) -> Sequence[Pod]:
        """Those of all watched namespaces."""
        return tuple(pod for table in self._pods.values() for pod in table.all())

    def installers(self) -> Sequence[Pod]:
        return tuple(pod for table in self._pods.values() for pod in table.all() if installs_kata(pod))

    def workers(self) -> Sequence[Node]:
        return tuple(n for n in self._nodes.all() if self._worker_names.search(n.metadata.name))

    async def changed(self, timeout_s: float) -> None:
        """Returns when the watch says anything, at the latest after `timeout_s`."""
        news = asyncio.get_running_loop().create_future()
        self._waiting.add(news)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await news
        finally:
            self._waiting.discard(news)

    def wake(self) -> None:
        """Something was said: whoever waits in `changed` looks again."""
        for news in self._waiting:
            if not news.done():
                news.set_result(None)
        self._waiting.clear()


def _find(tables: Mapping[str, Table[K]], namespace: str, name: str) -> K | Missing:
    table = tables.get(namespace)
    return Missing.UNKNOWN if table is None else table.find(name)

"""The watch against a server that ends, forgets, freezes, lies and comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.lines import LineSplitter, W
from bot.adapters.kube.resources import EVENTS, NAMESPACES, NODES, PODS, Resource
from bot.adapters.kube.watch import FIRST_PAUSE_S, Bounds, Watch
from bot.core.objects import Node, Watched
from tests.adapters.kube.objects import event, node, pod, unique
from tests.sandbox.api import NAMESPACES as STORED_NAMESPACES
from tests.sandbox.api import NODES as STORED_NODES
from tests.sandbox.api import PODS as STORED_PODS
from tests.sandbox.api import ApiServer, Fault
from tests.waiting import eventually

SHORT = Bounds(timeout_s=2, grace_s=1)


@dataclass
class Heard:
    """A listener that remembers, and can be waited for."""

    said: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def list_begins(self) -> None:
        self._say("begin")

    def list_page(self, objects: Sequence[Watched]) -> None:
        for obj in objects:
            self._say(f"listed {obj.metadata.name}")

    def list_ends(self) -> None:
        self._say("end")

    def changed(self, obj: Watched, *, deleted: bool) -> None:
        self._say(f"{'deleted' if deleted else 'changed'} {obj.metadata.name}")

    def _say(self, text: str) -> None:
        self.said.append(text)
        self._news.set()

    async def until(self, reached: Callable[[list[str]], bool]) -> list[str]:
        async with asyncio.timeout(20):
            while not reached(self.said):
                self._news.clear()
                await self._news.wait()
        return self.said


@asynccontextmanager
async def watching(
    api: ApiClient,
    resource: Resource[W],
    *,
    namespace: str = "",
    field_selector: str = "",
    bounds: Bounds = SHORT,
) -> AsyncIterator[tuple[Watch[W], Heard]]:
    """A running watch that has listed once and is listening."""
    heard = Heard()
    watch = Watch(api, resource, heard, bounds, namespace=namespace, field_selector=field_selector)
    task = asyncio.create_task(watch.run())
    await eventually(lambda: watch.progress.watches)
    try:
        yield watch, heard
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_list_is_followed_by_every_change(api: ApiClient, namespace: str) -> None:
    await api.create(PODS, pod("a"), namespace)
    async with watching(api, PODS, namespace=namespace) as (watch, heard):
        assert watch.progress.synced
        b = await api.create(PODS, pod("b"), namespace)
        await api.delete(PODS, "b", namespace, uid=b.metadata.uid)
        said = await heard.until(lambda said: "deleted b" in said)
    assert said == ["begin", "listed a", "end", "changed b", "changed b", "deleted b"]  # its mark is a change


async def test_server_filters_events_by_type(api: ApiClient, namespace: str) -> None:
    async with watching(api, EVENTS, namespace=namespace, field_selector="type=Warning") as (_, heard):
        await api.create(EVENTS, event("dull", namespace, kind="Normal"), namespace)
        await api.create(EVENTS, event("bad", namespace), namespace)
        said = await heard.until(lambda said: "changed bad" in said)
    assert said == ["begin", "end", "changed bad"]


async def test_watch_that_the_server_ended_resumes_without_a_new_list(api: ApiClient) -> None:
    async with watching(api, NODES, bounds=Bounds(timeout_s=1, grace_s=5)) as (watch, heard):
        await eventually(lambda: watch.progress.watches == 2)
        name = (await api.create(NODES, node(unique("late")))).metadata.name
        await heard.until(lambda said: f"changed {name}" in said)
        assert watch.progress.lists == 1


async def test_cut_connection_resumes_where_it_was(server: ApiServer, api: ApiClient) -> None:
    async with watching(api, NODES) as (watch, heard):
        await api.create(NODES, node("a"))
        await heard.until(lambda said: "changed a" in said)
        server.drop_connections()
        server.registry.create(STORED_NODES, {"metadata": {"name": "b"}})
        said = await heard.until(lambda said: "changed b" in said)
        assert said == ["begin", "end", "changed a", "changed b"]
        assert watch.progress.lists == 1


@pytest.mark.parametrize("as_http", [True, False])
async def test_version_that_is_too_old_is_followed_by_a_new_list(
    server: ApiServer, api: ApiClient, as_http: bool
) -> None:
    server.faults.gone_as_http = as_http
    async with watching(api, NODES) as (_, heard):
        server.faults.strike_next(1, Fault.UNAVAILABLE, lambda call: call.verb == "watch")
        server.drop_connections()
        server.registry.create(STORED_NODES, {"metadata": {"name": "a"}})
        server.registry.store.compact()
        said = await heard.until(lambda said: said.count("end") == 2)
    assert said == ["begin", "end", "begin", "listed a", "end"]


async def test_410_inside_the_stream_is_followed_by_a_new_list_at_once(server: ApiServer, api: ApiClient) -> None:
    async with watching(api, NODES) as (_, heard):
        with capture_logs() as logs:
            server.faults.expire_watches()
            await heard.until(lambda said: said.count("end") == 2)
    assert 0 == next(line["pause_s"] for line in logs if line["event"] == "watch broken")


async def test_server_that_says_410_all_the_time_is_not_flooded(server: ApiServer, api: ApiClient) -> None:
    """A pause before every list but the first one and the one that the first 410 asks for."""
    server.bookmark_interval_s = 60  # one that got through would make the next 410 a first one again
    async with watching(api, NODES) as (watch, _):
        begun = asyncio.get_running_loop().time()
        for _ in range(100):
            server.faults.expire_watches()
            await asyncio.sleep(0.005)
        took_s = asyncio.get_running_loop().time() - begun
        assert watch.progress.lists <= 2 + took_s / (FIRST_PAUSE_S / 2)


async def test_bookmarks_keep_the_version_fresh(server: ApiServer, api: ApiClient, namespace: str) -> None:
    """They tell of what happened elsewhere, so a history that was forgotten up to there costs no new list."""
    async with watching(api, PODS, namespace=namespace) as (watch, heard):
        server.registry.create(STORED_NAMESPACES, {"metadata": {"name": "elsewhere"}})
        server.registry.create(STORED_PODS, pod("unheard"), "elsewhere")
        lines = watch.progress.lines
        await eventually(lambda: watch.progress.lines >= lines + 2)  # the first may have been under way before
        server.registry.store.compact()
        server.drop_connections()
        server.registry.create(STORED_PODS, pod("heard"), namespace)
        said = await heard.until(lambda said: "changed heard" in said)
        assert watch.progress.lists == 1
    assert said == ["begin", "end", "changed heard"]


async def test_frozen_server_is_noticed_by_the_clients_own_deadline(server: ApiServer, api: ApiClient) -> None:
    async with watching(api, NODES, bounds=Bounds(timeout_s=0.3, grace_s=0.1)) as (watch, heard):
        server.faults.freeze_watches()
        await api.create(NODES, node("unheard"))
        await eventually(lambda: "connection is dead" in watch.progress.error)
        server.faults.thaw_watches()
        await heard.until(lambda said: "changed unheard" in said)
        assert watch.progress.failing_since is None


async def test_server_that_is_away_is_waited_for(server: ApiServer, api: ApiClient) -> None:
    async with watching(api, NODES) as (watch, heard):
        await server.stop()
        await eventually(lambda: watch.progress.failing_since is not None)
        await server.start()
        await api.create(NODES, node("back"))
        await heard.until(lambda said: "changed back" in said)
        assert watch.progress.lists == 1


async def test_object_of_an_unknown_form_is_counted_and_skipped(server: ApiServer, api: ApiClient) -> None:
    odd = {"metadata": {"name": "odd"}, "status": {"conditions": [{"type": "Ready", "status": True}]}}
    server.registry.store.put(STORED_NODES, odd)
    async with watching(api, NODES) as (watch, heard):
        assert watch.progress.undecodable == 1
        server.registry.store.put(STORED_NODES, odd)
        await api.create(NODES, node("sane"))
        said = await heard.until(lambda said: "changed sane" in said)
        assert said == ["begin", "end", "changed sane"]
        assert watch.progress.undecodable == 2


async def test_mistake_of_the_listener_is_not_swallowed(api: ApiClient) -> None:
    class Broken(Heard):
        def list_ends(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Watch[Node](api, NODES, Broken(), SHORT).run()


def test_lines_are_found_however_the_stream_is_cut() -> None:
    stream = b'{"a":1}\n{"b":"' + b"x" * 50 + b'"}\n\n{"c":3}\n'
    for size in range(1, len(stream) + 1):
        splitter = LineSplitter()
        cut = [stream[i : i + size] for i in range(0, len(stream), size)]
        lines = [line for chunk in cut for line in splitter.feed(chunk) if line]
        assert lines == [b'{"a":1}', b'{"b":"' + b"x" * 50 + b'"}', b'{"c":3}']


def test_namespace_lists_are_of_one_namespace() -> None:
    assert PODS.path("ims") == "/api/v1/namespaces/ims/pods"
    assert NAMESPACES.path("", "ims") == "/api/v1/namespaces/ims"

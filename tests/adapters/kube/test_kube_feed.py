"""The feed: a whole world before the first word, then every change, deletions that nobody heard included."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.feed import Feed
from bot.adapters.kube.resources import EVENTS, NODES, PODS
from bot.adapters.kube.watch import Bounds
from bot.core.objects import Event, Observed, Pod
from bot.core.world import Missing
from tests.adapters.kube.objects import event, node, pod, unique
from tests.sandbox.api import NAMESPACES as STORED_NAMESPACES
from tests.sandbox.api import NODES as STORED_NODES
from tests.sandbox.api import PODS as STORED_PODS
from tests.sandbox.api import ApiServer, Fault
from tests.waiting import eventually

SHORT = Bounds(timeout_s=5, grace_s=1)


class Sink:
    """Remembers what it was told about one kind of names."""

    def __init__(self, *, when_told: Callable[[Observed], None] | None = None) -> None:
        self.told: list[Observed] = []
        self._when_told = when_told

    def __call__(self, observed: Observed) -> None:
        self.told.append(observed)
        if self._when_told:
            self._when_told(observed)

    def about(self, name: str) -> list[str]:
        return [
            "deleted" if o.deleted else "initial" if o.initial else "changed"
            for o in self.told
            if o.object.metadata.name == name
        ]


@asynccontextmanager
async def running(feed: Feed, sink: Sink) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run(sink))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def feed_of(api: ApiClient, *namespaces: str, bounds: Bounds = SHORT) -> Feed:
    return Feed(api, namespaces, r"^ncn-w", bounds)


async def test_sink_hears_nothing_before_the_world_is_whole(api: ApiClient, namespace: str) -> None:
    worker = (await api.create(NODES, node(unique("ncn-w001")))).metadata.name
    await api.create(PODS, pod("p", nodeName=worker), namespace)
    await api.create(EVENTS, event("e", namespace), namespace)
    feed = feed_of(api, namespace)
    unknown: list[str] = []

    def look(observed: Observed) -> None:
        world = feed.world
        seen = (world.pod(namespace, "p"), world.node(worker), world.runtime_class("absent"), world.nodes())
        if Missing.UNKNOWN in seen:
            unknown.append(observed.object.metadata.name)

    sink = Sink(when_told=look)
    assert feed.world.pod(namespace, "p") is Missing.UNKNOWN
    async with running(feed, sink):
        await eventually(lambda: sink.about("e"))
        assert unknown == []
        assert (sink.about(worker)[0], sink.about("p"), sink.about("e")) == ("initial", ["initial"], ["initial"])
        kinds = [type(o.object) for o in sink.told]
        assert kinds.index(Event) > kinds.index(Pod)
        assert feed.deaf() is None


async def test_absent_and_unknown_are_two_answers(api: ApiClient, namespace: str) -> None:
    feed = feed_of(api, namespace)
    async with running(feed, Sink()):
        await feed.synced.wait()
        assert feed.world.pod(namespace, "absent") is Missing.ABSENT
        assert feed.world.pod("elsewhere", "p") is Missing.UNKNOWN
        assert feed.world.runtime_class(unique("absent")) is Missing.ABSENT


async def test_sink_is_told_after_the_world_has_changed(api: ApiClient, namespace: str) -> None:
    feed = feed_of(api, namespace)
    saw: list[object] = []
    sink = Sink(when_told=lambda _: saw.append(feed.world.pod(namespace, "p")))
    async with running(feed, sink):
        await feed.synced.wait()
        created = await api.create(PODS, pod("p"), namespace)
        await eventually(lambda: sink.about("p"))
        assert isinstance(saw[-1], Pod)
        await api.delete(PODS, "p", namespace, uid=created.metadata.uid)
        await eventually(lambda: "deleted" in sink.about("p"))
        assert feed.world.pod(namespace, "p") is Missing.ABSENT
        assert feed.world.pods() == ()


async def test_pods_of_other_namespaces_are_not_watched(api: ApiClient, namespace: str) -> None:
    feed, sink = feed_of(api, namespace), Sink()
    async with running(feed, sink):
        await feed.synced.wait()
        name = unique("foreign")
        await api.create(PODS, pod(name), "default")
        await api.create(PODS, pod("ours"), namespace)
        await eventually(lambda: sink.about("ours"))
        assert sink.about(name) == []


async def test_whoever_waits_for_a_change_wakes_at_once(api: ApiClient, namespace: str) -> None:
    feed = feed_of(api, namespace)
    async with running(feed, Sink()):
        await feed.synced.wait()
        waiting = [asyncio.create_task(feed.world.changed(30)) for _ in range(2)]
        await asyncio.sleep(0)
        await api.create(PODS, pod("p"), namespace)
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)


async def test_wait_for_a_change_ends_without_one(api: ApiClient) -> None:
    async with asyncio.timeout(2):
        await feed_of(api, "ims").world.changed(0.02)


async def test_workers_are_the_nodes_of_that_name(server: ApiServer, api: ApiClient) -> None:
    for name in ("ncn-w002", "ncn-m001", "ncn-w001"):
        server.registry.create(STORED_NODES, {"metadata": {"name": name}})
    feed = feed_of(api, "ims")
    async with running(feed, Sink()):
        await feed.synced.wait()
        assert sorted(n.metadata.name for n in feed.world.workers()) == ["ncn-w001", "ncn-w002"]


async def test_deletion_that_nobody_heard_is_found_by_the_next_list(server: ApiServer, api: ApiClient) -> None:
    server.registry.create(STORED_NAMESPACES, {"metadata": {"name": "ims"}})
    for name in ("stays", "goes", "changes"):
        server.registry.store.put(STORED_PODS, {"metadata": {"name": name, "namespace": "ims"}})
    feed, sink = feed_of(api, "ims"), Sink()
    async with running(feed, sink):
        await feed.synced.wait()
        pods = next(p for p in feed.progress() if "pods" in p.name)
        await eventually(lambda: pods.watches)
        server.faults.freeze_watches()
        server.registry.store.remove(STORED_PODS, ("ims", "goes"))
        server.registry.store.put(STORED_PODS, {"metadata": {"name": "changes", "namespace": "ims", "labels": {}}})
        server.registry.store.compact()
        server.faults.thaw_watches()
        await eventually(lambda: pods.lists == 2)
        assert sink.about("goes") == ["initial", "deleted"]
        assert sink.about("changes") == ["initial", "initial"]
        assert sink.about("stays") == ["initial"]


async def test_one_resource_that_fails_does_not_stop_the_others(server: ApiServer, api: ApiClient) -> None:
    feed, sink = feed_of(api, "default"), Sink()
    async with running(feed, sink):
        await feed.synced.wait()
        server.faults.strike_next(1000, Fault.INTERNAL_ERROR, lambda call: call.resource == "nodes")
        server.drop_connections()
        nodes = next(p for p in feed.progress() if "nodes" in p.name)
        await eventually(lambda: nodes.failing_since is not None)
        server.registry.store.put(STORED_PODS, {"metadata": {"name": "p", "namespace": "default"}})
        await eventually(lambda: sink.about("p"))
        assert "HTTP 500" in nodes.error or "disconnected" in nodes.error


async def test_feed_that_could_not_list_is_deaf_and_says_why(server: ApiServer, api: ApiClient) -> None:
    server.faults.strike_next(1000, Fault.INTERNAL_ERROR, lambda call: call.resource == "runtimeclasses")
    feed, sink = feed_of(api, "default"), Sink()
    async with running(feed, sink):
        classes = next(p for p in feed.progress() if "runtimeclasses" in p.name)
        await eventually(lambda: classes.error)
        assert "watch runtimeclasses: not listed yet: list runtimeclasses" in (feed.deaf() or "")
        assert sink.told == []
        server.faults.clear()
        await eventually(lambda: feed.synced.is_set())


async def test_mistake_of_the_sink_ends_the_feed(api: ApiClient) -> None:
    def broken(_: Observed) -> None:
        raise ZeroDivisionError

    await api.create(NODES, node(unique("ncn-w001")))
    with pytest.raises(ExceptionGroup) as caught:
        await feed_of(api, "default").run(broken)
    assert caught.group_contains(ZeroDivisionError)

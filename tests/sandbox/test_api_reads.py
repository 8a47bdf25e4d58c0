"""LIST and WATCH of the API stand-in: chunks, selectors, revisions, bookmarks and every kind of 410."""

from __future__ import annotations

import pytest

from tests.sandbox.api import CONFIGMAPS, NAMESPACES, NODES, PODS, ApiServer, Registry, Store, bind
from tests.sandbox.api.client import ApiClient

MAPS = "/api/v1/namespaces/ims/configmaps"
NODE_LIST = "/api/v1/nodes"
POD_LIST = "/api/v1/namespaces/ims/pods"


@pytest.fixture
def unstarted() -> ApiServer:
    server = ApiServer(tls=False, bookmark_interval_s=0.05)
    server.registry.create(NAMESPACES, {"metadata": {"name": "services"}})
    return server


def add_map(server: ApiServer, name: str, namespace: str = "ims", **labels: str) -> None:
    server.registry.create(CONFIGMAPS, {"metadata": {"name": name, "labels": labels}}, namespace)


def add_pod(server: ApiServer, name: str) -> None:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    server.registry.create(PODS, {"metadata": {"name": name}, "spec": spec}, "ims")


def relabel(server: ApiServer, name: str, **labels: str | None) -> None:
    server.registry.patch(CONFIGMAPS, name, {"metadata": {"labels": labels}}, "ims")


async def test_list_items_carry_no_kind(server: ApiServer, client: ApiClient) -> None:
    add_map(server, "a")
    body = (await client.get(MAPS)).body
    assert ("ConfigMapList", "v1") == (body["kind"], body["apiVersion"])
    assert str(server.registry.store.revision) == body["metadata"]["resourceVersion"]
    assert ["metadata"] == list(body["items"][0])


async def test_all_namespaces_are_listed_in_key_order(server: ApiServer, client: ApiClient) -> None:
    add_map(server, "z")
    add_map(server, "a", "services")
    body = (await client.get("/api/v1/configmaps")).body
    assert [("ims", "z"), ("services", "a")] == [
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in body["items"]
    ]


async def test_chunks_show_one_moment(server: ApiServer, client: ApiClient) -> None:
    for name in "abcd":
        add_map(server, name)
    first = (await client.get(MAPS, limit="2")).body
    server.registry.delete(CONFIGMAPS, "c", "ims")
    add_map(server, "e")
    rest = (await client.get(MAPS, **{"limit": "5", "continue": first["metadata"]["continue"]})).body
    assert 2 == first["metadata"]["remainingItemCount"]
    assert ["c", "d"] == [item["metadata"]["name"] for item in rest["items"]]
    assert first["metadata"]["resourceVersion"] == rest["metadata"]["resourceVersion"]
    assert "continue" not in rest["metadata"]


async def test_expired_continue_offers_an_inconsistent_rest(server: ApiServer, client: ApiClient) -> None:
    for name in "abc":
        add_map(server, name)
    token = (await client.get(MAPS, limit="1")).body["metadata"]["continue"]
    server.registry.delete(CONFIGMAPS, "b", "ims")
    server.registry.store.compact()
    gone = await client.get(MAPS, **{"limit": "1", "continue": token})
    rest = await client.get(MAPS, **{"continue": gone.body["metadata"]["continue"]})
    assert (410, "Expired") == (gone.code, gone.body["reason"])
    assert ["c"] == [item["metadata"]["name"] for item in rest.body["items"]]


async def test_odd_list_parameters_are_refused(client: ApiClient) -> None:
    assert 400 == (await client.get(MAPS, **{"continue": "rubbish"})).code
    assert 400 == (await client.get(MAPS, resourceVersion="abc")).code
    assert 400 == (await client.get(MAPS, resourceVersionMatch="Exact")).code
    assert 504 == (await client.get(MAPS, resourceVersion="999999")).code


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a"]),
        ("tier!=web", ["b", "c"]),
        ("tier in (web, db)", ["a", "b"]),
        ("tier notin (web),!odd", ["b"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("tier==db,odd!=yes", ["b"]),
    ],
)
async def test_label_selectors(server: ApiServer, client: ApiClient, selector: str, expected: list[str]) -> None:
    add_map(server, "a", tier="web")
    add_map(server, "b", tier="db")
    add_map(server, "c", odd="yes")
    body = (await client.get(MAPS, labelSelector=selector)).body
    assert expected == [item["metadata"]["name"] for item in body["items"]]


async def test_field_selectors(server: ApiServer, client: ApiClient) -> None:
    add_pod(server, "a")
    add_pod(server, "b")
    bind(server.registry, "ims", "b", "ncn-w001")
    bound = (await client.get("/api/v1/pods", fieldSelector="spec.nodeName!=,status.phase=Pending")).body
    free = (await client.get("/api/v1/pods", fieldSelector="spec.nodeName=")).body
    odd = await client.get("/api/v1/pods", fieldSelector="spec.runtimeClassName=kata-qemu")
    assert ["b"] == [item["metadata"]["name"] for item in bound["items"]]
    assert ["a"] == [item["metadata"]["name"] for item in free["items"]]
    assert (400, True) == (odd.code, "field label not supported: spec.runtimeClassName" in odd.body["message"])


async def test_watch_replays_what_came_after_the_list(server: ApiServer, client: ApiClient) -> None:
    add_map(server, "a")
    version = (await client.get(MAPS)).body["metadata"]["resourceVersion"]
    add_map(server, "b")
    async with client.watch(MAPS, resourceVersion=version) as lines:
        assert ("ADDED", "b") == await lines.next_name()
        relabel(server, "a", x="y")
        assert ("MODIFIED", "a") == await lines.next_name()
        server.registry.delete(CONFIGMAPS, "b", "ims")
        kind, gone = await lines.next()
    assert ("DELETED", str(server.registry.store.revision)) == (kind, gone["metadata"]["resourceVersion"])


@pytest.mark.parametrize("version", ["", "0"])
async def test_watch_without_version_begins_with_what_is_there(
    server: ApiServer, client: ApiClient, version: str
) -> None:
    add_map(server, "a")
    async with client.watch(MAPS, resourceVersion=version) as lines:
        assert ("ADDED", "a") == await lines.next_name()
        add_map(server, "b")
        assert ("ADDED", "b") == await lines.next_name()


async def test_leaving_a_selector_is_a_deletion_with_the_last_matching_state(
    server: ApiServer, client: ApiClient
) -> None:
    add_map(server, "a", tier="web")
    async with client.watch(MAPS, labelSelector="tier=web") as lines:
        assert ("ADDED", "a") == await lines.next_name()
        relabel(server, "a", tier="db")
        kind, last = await lines.next()
        assert ("DELETED", {"tier": "web"}) == (kind, last["metadata"]["labels"])
        assert str(server.registry.store.revision) == last["metadata"]["resourceVersion"]
        relabel(server, "a", tier="web")
        assert ("ADDED", "a") == await lines.next_name()


async def test_other_namespaces_are_not_seen(server: ApiServer, client: ApiClient) -> None:
    async with client.watch(MAPS) as lines:
        add_map(server, "a", "services")
        add_map(server, "b")
        assert ("ADDED", "b") == await lines.next_name()


async def test_bookmarks_of_a_quiet_type_do_not_move_with_others(server: ApiServer, client: ApiClient) -> None:
    server.registry.create(NODES, {"metadata": {"name": "ncn-w001"}})
    version = (await client.get(NODE_LIST)).body["metadata"]["resourceVersion"]
    add_map(server, "a")
    async with client.watch(NODE_LIST, resourceVersion=version, allowWatchBookmarks="true") as lines:
        kind, bookmark = await lines.next()
    assert ("BOOKMARK", "Node", version) == (kind, bookmark["kind"], bookmark["metadata"]["resourceVersion"])
    assert "name" not in bookmark["metadata"]


async def test_bookmarks_only_when_asked(client: ApiClient) -> None:
    async with client.watch(MAPS, allowWatchBookmarks="false") as lines:
        assert [] == await lines.rest(silence_s=0.15)


async def test_watch_ends_at_its_timeout_with_a_last_bookmark(server: ApiServer, client: ApiClient) -> None:
    add_map(server, "a")
    async with client.watch(MAPS, timeoutSeconds="1", allowWatchBookmarks="true") as lines:
        kinds = await lines.rest(silence_s=2)
    assert ("ADDED", "BOOKMARK") == (kinds[0], kinds[-1])


async def test_too_old_watch_is_an_error_event_in_a_200_stream(server: ApiServer, client: ApiClient) -> None:
    version = (await client.get(MAPS)).body["metadata"]["resourceVersion"]
    add_map(server, "a")
    server.registry.store.compact()
    async with client.watch(MAPS, resourceVersion=version) as lines:
        kind, status = await lines.next()
        assert (200, "ERROR", 410, "Expired") == (lines.code, kind, status["code"], status["reason"])
        with pytest.raises(EOFError):
            await lines.next()


async def test_too_old_watch_can_be_refused_with_http_410(server: ApiServer, client: ApiClient) -> None:
    version = (await client.get(MAPS)).body["metadata"]["resourceVersion"]
    add_map(server, "a")
    server.registry.store.compact()
    server.faults.gone_as_http = True
    reply = await client.get(MAPS, watch="1", resourceVersion=version)
    assert (410, "Expired") == (reply.code, reply.body["reason"])


async def test_expired_watches_end_while_open(server: ApiServer, client: ApiClient) -> None:
    async with client.watch(MAPS) as lines:
        server.faults.expire_watches()
        kind, status = await lines.next()
        assert ("ERROR", 410) == (kind, status["code"])


async def test_history_has_a_limit() -> None:
    server = ApiServer(Registry(Store(history_limit=3)), tls=False)
    server.registry.create(NAMESPACES, {"metadata": {"name": "ims"}})
    await server.start()
    version = str(server.registry.store.revision)
    for name in "abcde":
        add_map(server, name)
    async with ApiClient(server) as client, client.watch(MAPS, resourceVersion=version) as lines:
        assert "ERROR" == (await lines.next())[0]
    await server.stop()


async def test_frozen_watches_stay_open_and_silent(server: ApiServer, client: ApiClient) -> None:
    async with client.watch(MAPS, allowWatchBookmarks="true") as lines:
        await lines.next()  # a bookmark: the stream works
        server.faults.freeze_watches()
        add_map(server, "a")
        assert "ADDED" not in await lines.rest(silence_s=0.2)
        server.faults.thaw_watches()
        assert ("ADDED", "a") == await lines.next_name()


async def test_watch_list_is_refused_as_by_older_servers(client: ApiClient) -> None:
    reply = await client.get(MAPS, watch="1", sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
    assert (422, "Invalid") == (reply.code, reply.body["reason"])


async def test_stopping_the_server_ends_watches(server: ApiServer, client: ApiClient) -> None:
    async with client.watch(MAPS) as lines:
        await server.stop()
        with pytest.raises(EOFError):
            await lines.next()

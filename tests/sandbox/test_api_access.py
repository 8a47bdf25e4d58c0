"""Who may do what, TLS, the request log, and the faults that tests and the chaos demo inject."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.sandbox.api import (
    CONFIGMAPS,
    Allow,
    ApiServer,
    Call,
    Fault,
    User,
    allow,
    service_account,
)
from tests.sandbox.api.client import ApiClient

MAPS = "/api/v1/namespaces/ims/configmaps"


@pytest.fixture
def unstarted() -> ApiServer:
    """Over TLS."""
    return ApiServer()


async def test_unknown_tokens_are_unauthorized(server: ApiServer) -> None:
    async with ApiClient(server, token="wrong") as stranger:
        reply = await stranger.get(MAPS)
    assert (401, "Unauthorized", "Unauthorized") == (reply.code, reply.body["reason"], reply.body["message"])


async def test_nobody_in_particular_is_forbidden(server: ApiServer) -> None:
    async with ApiClient(server, token="") as anyone:
        reply = await anyone.get(MAPS)
    assert 403 == reply.code
    assert reply.body["message"].startswith('configmaps is forbidden: User "system:anonymous" cannot list')


async def test_revoked_token_is_unauthorized(server: ApiServer, client: ApiClient) -> None:
    server.access.revoke(server.admin_token)
    assert 401 == (await client.get(MAPS)).code


async def test_health_and_version_need_no_token(server: ApiServer) -> None:
    async with ApiClient(server, token="") as anyone:
        assert (200, "ok") == ((await anyone.get("/readyz")).code, (await anyone.get("/livez")).body)
        assert "1" == (await anyone.get("/version")).body["major"]


async def test_rules_limit_verbs_resources_and_namespaces(server: ApiServer) -> None:
    token = server.access.add(User("system:serviceaccount:bot:bot", (allow("get list", "configmaps", "ims"),)))
    async with ApiClient(server, token) as bot:
        allowed = await bot.get(MAPS)
        elsewhere = await bot.get("/api/v1/configmaps")
        named = await bot.delete(f"{MAPS}/a")
    assert 200 == allowed.code
    assert (403, "Forbidden") == (elsewhere.code, elsewhere.body["reason"])
    assert (
        'configmaps is forbidden: User "system:serviceaccount:bot:bot" cannot list resource "configmaps" '
        'in API group "" at the cluster scope'
    ) == elsewhere.body["message"]
    assert (
        'configmaps "a" is forbidden: User "system:serviceaccount:bot:bot" cannot delete resource "configmaps" '
        'in API group "" in the namespace "ims"'
    ) == named.body["message"]


async def test_watch_is_a_verb_of_its_own(server: ApiServer) -> None:
    token = server.access.add(User("reader", (allow("get list", "configmaps"),)))
    async with ApiClient(server, token) as reader:
        assert 403 == (await reader.get(MAPS, watch="1")).code


async def test_every_request_is_logged(server: ApiServer, client: ApiClient) -> None:
    await client.get(f"{MAPS}/a")
    await client.post("/api/v1/namespaces/ims/pods/x/eviction", {"metadata": {"name": "x"}})
    calls = [(call.verb, call.target, call.namespace, call.name, call.code) for call in server.calls]
    assert [
        ("get", "configmaps", "ims", "a", 404),
        ("create", "pods/eviction", "ims", "x", 404),
    ] == calls


async def test_kubeconfig_is_private_and_trusts_only_the_own_ca(server: ApiServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "config")
    config = yaml.safe_load(path.read_text())
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert server.url == config["clusters"][0]["cluster"]["server"]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{server.url}/readyz", ssl=ssl.create_default_context())


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.INTERNAL_ERROR, 500), (Fault.UNAVAILABLE, 503), (Fault.THROTTLED, 429)]
)
async def test_armed_faults_strike_so_often(server: ApiServer, client: ApiClient, fault: Fault, code: int) -> None:
    server.faults.strike_next(2, fault)
    assert [code, code, 200] == [(await client.get(MAPS)).code for _ in range(3)]


async def test_throttling_is_plain_text_with_retry_after(server: ApiServer, client: ApiClient) -> None:
    server.faults.strike_next(1, Fault.THROTTLED)
    reply = await client.get(MAPS)
    assert ("1", "Too many requests, please try again later.") == (reply.headers["Retry-After"], reply.body)


async def test_faults_can_be_aimed(server: ApiServer, client: ApiClient) -> None:
    server.faults.strike_next(1, Fault.UNAVAILABLE, lambda call: call.verb == "create")
    assert 200 == (await client.get(MAPS)).code
    assert 503 == (await client.post(MAPS, {"metadata": {"name": "a"}})).code


async def test_lost_reply_happened_all_the_same(server: ApiServer, client: ApiClient) -> None:
    server.faults.strike_next(1, Fault.REPLY_LOST)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(MAPS, {"metadata": {"name": "a"}})
    assert ["a"] == [obj["metadata"]["name"] for obj in server.registry.list(CONFIGMAPS, "ims")]


async def test_dropped_request_did_not_happen(server: ApiServer, client: ApiClient) -> None:
    server.faults.strike_next(2, Fault.DROPPED)  # aiohttp itself repeats an idempotent request once
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(MAPS, {"metadata": {"name": "a"}})
    assert [] == server.registry.list(CONFIGMAPS, "ims")


async def test_dropped_connections_cut_watches(server: ApiServer, client: ApiClient) -> None:
    async with client.watch(MAPS) as lines:
        server.drop_connections()
        with pytest.raises((aiohttp.ClientError, ConnectionError, EOFError)):
            await lines.next()
    assert 200 == (await client.get(MAPS)).code


async def test_restarted_server_keeps_address_and_objects(server: ApiServer, client: ApiClient) -> None:
    await client.post(MAPS, {"metadata": {"name": "a"}})
    await server.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(MAPS)
    await server.start()
    assert 1 == len((await client.get(MAPS)).body["items"])


def test_calls_name_subresources_as_rbac_does() -> None:
    assert "pods/eviction" == Call("create", "pods", "eviction").target


async def test_discovery_names_every_type_and_subresource(client: ApiClient) -> None:
    groups = {group["name"] for group in (await client.get("/apis")).body["groups"]}
    core = {entry["name"]: entry for entry in (await client.get("/api/v1")).body["resources"]}
    assert {"apps", "authorization.k8s.io", "batch", "coordination.k8s.io", "node.k8s.io", "policy"} == groups
    assert {"pods", "pods/eviction", "pods/log", "nodes/status"} <= set(core)
    assert ("policy", "Eviction") == (core["pods/eviction"]["group"], core["pods/eviction"]["kind"])


async def test_rule_with_names_covers_those_objects_and_a_list_that_selects_one(server: ApiServer) -> None:
    rule = Allow(frozenset({"get", "list", "create"}), frozenset({"configmaps"}), names=frozenset({"a"}))
    async with ApiClient(server, server.access.add(User("reader", (rule,)))) as reader:
        codes = [
            (await reader.get(f"{MAPS}/a")).code,
            (await reader.get(f"{MAPS}/b")).code,
            (await reader.get(MAPS)).code,
            (await reader.get(MAPS, fieldSelector="metadata.name=a")).code,
            (await reader.post(MAPS, {"metadata": {"name": "a"}})).code,
        ]
    assert [404, 403, 403, 200, 403] == codes


async def test_rule_for_one_group_says_nothing_about_another(server: ApiServer) -> None:
    rule = Allow(frozenset({"list"}), frozenset({"configmaps", "jobs"}), groups=frozenset({"batch"}))
    async with ApiClient(server, server.access.add(User("reader", (rule,)))) as reader:
        codes = [(await reader.get(MAPS)).code, (await reader.get("/apis/batch/v1/namespaces/ims/jobs")).code]
    assert [403, 200] == codes


REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def question(**attributes: str) -> dict[str, Any]:
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    return {**kind, "spec": {"resourceAttributes": attributes}}


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ({"verb": "list", "resource": "jobs", "group": "batch", "namespace": "ims"}, True),
        ({"verb": "watch", "resource": "jobs", "group": "batch", "namespace": "ims"}, False),
        ({"verb": "list", "resource": "jobs", "namespace": "ims"}, False),
        ({"verb": "list", "resource": "jobs", "group": "batch"}, False),
        ({"verb": "get", "resource": "configmaps", "namespace": "ims", "name": "a"}, True),
        ({"verb": "get", "resource": "configmaps", "namespace": "ims", "name": "b"}, False),
        ({"verb": "get", "resource": "configmaps", "namespace": "ims"}, False),
        ({"verb": "create", "resource": "selfsubjectaccessreviews", "group": "authorization.k8s.io"}, True),
    ],
)
async def test_a_review_says_what_the_rules_say(server: ApiServer, asked: dict[str, str], allowed: bool) -> None:
    rules = (
        Allow(frozenset({"list"}), frozenset({"jobs"}), frozenset({"ims"}), frozenset({"batch"})),
        Allow(frozenset({"get"}), frozenset({"configmaps"}), frozenset({"ims"}), names=frozenset({"a"})),
    )
    async with ApiClient(server, server.access.add(User("reader", rules))) as reader:
        reply = await reader.post(REVIEWS, question(**asked))
    assert (201, {"allowed": allowed}) == (reply.code, reply.body["status"])


async def test_an_administrator_may_do_all_and_nobody_in_particular_may_not_even_ask(
    server: ApiServer, client: ApiClient
) -> None:
    asked = question(verb="delete", resource="nodes")
    assert (await client.post(REVIEWS, asked)).body["status"]["allowed"]
    async with ApiClient(server, token="") as anyone:
        assert 403 == (await anyone.post(REVIEWS, asked)).code


async def test_a_review_is_refused_as_the_real_server_does_it(client: ApiClient) -> None:
    """Nothing is kept of one, so there is nothing to list and no name to give."""
    named = await client.post(REVIEWS, {**question(verb="get", resource="pods"), "metadata": {"name": "mine"}})
    empty = await client.post(REVIEWS, {**question(), "spec": {}})
    url = await client.post(
        REVIEWS, {**question(), "spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    )
    assert [422, 422, 400] == [named.code, empty.code, url.code]
    assert "metadata: Invalid value: must be empty" in named.body["message"]
    assert "exactly one of nonResourceAttributes or resourceAttributes" in empty.body["message"]
    assert [405, 404] == [(await client.get(REVIEWS)).code, (await client.get(f"{REVIEWS}/mine")).code]


ACCOUNT = {"kind": "ServiceAccount", "metadata": {"name": "bot", "namespace": "home"}}
ROLE = {
    "kind": "ClusterRole",
    "metadata": {"name": "reader"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
}
BINDING = {
    "kind": "RoleBinding",
    "metadata": {"name": "reader", "namespace": "ims"},
    "roleRef": {"kind": "ClusterRole", "name": "reader"},
    "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "home"}],
}


def test_binding_gives_a_cluster_role_in_its_own_namespace_only() -> None:
    bot = service_account([ACCOUNT, ROLE, BINDING], "home", "bot")
    assert bot.rules is not None
    assert [True, False] == [
        any(rule.covers(Call("get", "pods", namespace=namespace)) for rule in bot.rules)
        for namespace in ("ims", "services")
    ]


def test_binding_for_somebody_else_gives_nothing() -> None:
    other = {**BINDING, "subjects": [{"kind": "ServiceAccount", "name": "other", "namespace": "home"}]}
    assert User("system:serviceaccount:home:bot", ()) == service_account([ACCOUNT, ROLE, other], "home", "bot")


@pytest.mark.parametrize("rule", [{"verbs": ["*"]}, {"nonResourceURLs": ["/metrics"]}])
def test_rules_beyond_least_privilege_are_refused(rule: dict[str, list[str]]) -> None:
    role = {**ROLE, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **rule}]}
    with pytest.raises(ValueError, match=r"wildcard|not supported"):
        service_account([ACCOUNT, role, BINDING], "home", "bot")

"""What the bot needs of the API follows its settings, and the server says of each whether it may."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.resources import NAMESPACES, NODES, PODS, Call
from bot.adapters.kube.rights import REVIEWS_AT_ONCE, ask_rights, needs
from bot.core.errors import ForbiddenError, NotFoundError, UnreachableError
from bot.core.settings import Kubernetes, Settings
from tests.adapters.kube.test_kube_connect import write_kubeconfig
from tests.sandbox.api import ApiServer, Fault, User, allow

NEEDED = {"ssh": {"client_key": "x", "known_hosts": "x"}, "canary": {"image": "x"}}


def settings(**sections: Mapping[str, Any]) -> Settings:
    return Settings.model_validate({**NEEDED, **{k: {**NEEDED.get(k, {}), **v} for k, v in sections.items()}})


@pytest.fixture
async def bot(bot_kubeconfig: Path) -> AsyncIterator[ApiClient]:
    async with connect(Kubernetes(kubeconfig=bot_kubeconfig)) as connection:
        yield ApiClient(connection, timeout_s=5)


async def test_the_shipped_role_lets_the_bot_do_all_that_it_does(bot: ApiClient) -> None:
    calls = needs(settings())
    rights = await ask_rights(bot, calls)
    assert (calls, (), ()) == (rights.allowed, rights.missing, rights.unknown)


async def test_what_the_role_does_not_give_is_missing_where_it_is_wanted(bot: ApiClient) -> None:
    elsewhere = settings(
        kubernetes={"ims_namespaces": ["ims", "default"], "lease_namespace": "default"},
        canary={"namespace": "default"},
        pause={"configmap": "brake"},
        restart={"reconnect": ["services/sonar-jobs-watcher", "services/another"]},
    )
    rights = await ask_rights(bot, needs(elsewhere))
    assert () == rights.unknown
    assert {
        *(f"{verb} leases in namespace default" for verb in ("get", "create", "patch")),
        *(f"{verb} pods in namespace default" for verb in ("get", "watch", "create", "delete")),
        *(f"{verb} jobs in namespace default" for verb in ("get", "list", "watch")),
        *(f"{verb} events in namespace default" for verb in ("list", "watch")),
        'get configmaps "brake" in namespace default',
        'patch daemonsets "another" in namespace services',
    } == set(map(str, rights.missing))


async def test_a_review_says_what_the_request_itself_is_told(bot: ApiClient) -> None:
    """A Namespace is allowed by its name, and only that one; no name stands for every one."""
    assert await bot.get(NAMESPACES, "kube-system")
    with pytest.raises(ForbiddenError):
        await bot.get(NAMESPACES, "default")
    with pytest.raises(ForbiddenError):
        await bot.get(PODS, "nothing", "default")
    with pytest.raises(NotFoundError):
        await bot.get(PODS, "nothing", "ims")
    asked = [
        Call("get", NAMESPACES, name="kube-system"),
        Call("get", NAMESPACES, name="default"),
        Call("get", NAMESPACES),
        Call("get", PODS, "default", "nothing"),
        Call("get", PODS, "ims", "nothing"),
        Call("delete", NODES),
    ]
    assert [True, False, False, False, True, False] == [await bot.may(call) for call in asked]


async def test_a_role_in_a_namespace_may_be_what_lets_it_be_read(server: ApiServer, tmp_path: Path) -> None:
    reader = User("reader", (allow("get", "namespaces", "kube-system"),))
    kubeconfig = server.kubeconfig(tmp_path / "kubeconfig", server.access.add(reader))
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        api = ApiClient(connection, timeout_s=5)
        assert await api.get(NAMESPACES, "kube-system")
        assert await api.may(Call("get", NAMESPACES, name="kube-system"))


async def test_an_administrator_may_do_it_all(api: ApiClient) -> None:
    assert () == (await ask_rights(api, needs(settings()))).missing


async def test_what_the_server_does_not_answer_is_unknown(server: ApiServer, bot: ApiClient) -> None:
    server.faults.strike_next(2, Fault.UNAVAILABLE, lambda call: call.resource == "selfsubjectaccessreviews")
    calls = needs(settings())
    rights = await ask_rights(bot, calls)
    assert (len(calls) - 2, 0, 2) == (len(rights.allowed), len(rights.missing), len(rights.unknown))
    assert all(isinstance(error, UnreachableError) for _, error in rights.unknown)


async def test_some_are_asked_at_once_and_never_all(tmp_path: Path) -> None:
    open_now = [0]

    async def answer(_: web.Request) -> web.Response:
        open_now.append(open_now[-1] + 1)
        await asyncio.sleep(0.02)
        open_now.append(open_now[-1] - 1)
        return web.json_response({"status": {"allowed": True}})

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    async with TestServer(application) as slow:
        path = write_kubeconfig(tmp_path / "kubeconfig", {}, {"server": str(slow.make_url(""))})
        async with connect(Kubernetes(kubeconfig=path)) as connection:
            calls = needs(settings())
            assert calls == (await ask_rights(ApiClient(connection, timeout_s=5), calls)).allowed
    assert REVIEWS_AT_ONCE == max(open_now)
    assert REVIEWS_AT_ONCE < len(calls)


def test_what_is_switched_off_is_not_needed() -> None:
    bare = settings(pause={"configmap": None}, restart={"reconnect": []})
    left = {call.resource.plural for call in needs(settings())} - {call.resource.plural for call in needs(bare)}
    assert {"configmaps", "daemonsets"} == left


def test_a_canary_elsewhere_needs_its_rights_there_and_not_beside_the_jobs() -> None:
    needed = set(map(str, needs(settings(canary={"namespace": "canaries"}))))
    assert "create pods in namespace canaries" in needed
    assert "create pods in namespace ims" not in needed
    assert "watch pods in namespace canaries" not in needed

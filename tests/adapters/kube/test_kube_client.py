"""Requests: what the server's refusals become, what is tried again, and that everything ends."""

import asyncio
import socket
from pathlib import Path

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.resources import JOBS, NAMESPACES, NODES, PODS, RUNTIME_CLASSES, Call
from bot.adapters.kube.status import AlreadyExistsError, Status, error_of
from bot.core.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    TemporaryError,
    UnreachableError,
)
from bot.core.settings import Kubernetes
from tests.adapters.kube.objects import node, pod, runtime_class, unique
from tests.sandbox.api import NODES as STORED_NODES
from tests.sandbox.api import ApiServer, Fault
from tests.sandbox.api.access import User, allow


async def test_absent_object_is_not_an_error_for_find(api: ApiClient) -> None:
    assert await api.find(NODES, unique("absent")) is None
    with pytest.raises(NotFoundError, match=r'get nodes "absent-\w+"'):
        await api.get(NODES, unique("absent"))


async def test_taken_name_and_changed_object_are_told_apart(api: ApiClient) -> None:
    """On a RuntimeClass, which no controller of a real cluster touches."""
    created = await api.create(RUNTIME_CLASSES, runtime_class(unique("kata")))
    name, version = created.metadata.name, created.metadata.resource_version
    with pytest.raises(AlreadyExistsError):
        await api.create(RUNTIME_CLASSES, runtime_class(name))
    stale = {"metadata": {"resourceVersion": version, "labels": {"a": "b"}}}
    await api.patch(RUNTIME_CLASSES, name, stale)
    with pytest.raises(ConflictError) as caught:
        await api.patch(RUNTIME_CLASSES, name, {"metadata": {"resourceVersion": version, "labels": {"a": "c"}}})
    assert not isinstance(caught.value, AlreadyExistsError)


async def test_dry_run_changes_nothing(api: ApiClient) -> None:
    name = unique("n")
    assert (await api.create(NODES, node(name), dry_run=True)).metadata.name == name
    assert await api.find(NODES, name) is None


async def test_invalid_object_is_rejected_with_the_servers_words(api: ApiClient, namespace: str) -> None:
    with pytest.raises(RejectedError, match=r'create pods "x" in namespace test-.*spec\.containers'):
        await api.create(PODS, pod("x", containers=[]), namespace)


async def test_delete_takes_only_the_object_with_the_uid(api: ApiClient, namespace: str) -> None:
    created = await api.create(PODS, pod("x"), namespace)
    with pytest.raises(ConflictError):
        await api.delete(PODS, "x", namespace, uid="another")
    await api.delete(PODS, "x", namespace, uid=created.metadata.uid, dry_run=True)
    assert await api.find(PODS, "x", namespace)
    await api.delete(PODS, "x", namespace, uid=created.metadata.uid)
    assert await api.find(PODS, "x", namespace) is None


async def test_list_is_read_in_pages(api: ApiClient, namespace: str, kubeconfig: Path) -> None:
    for index in range(5):
        await api.create(PODS, pod(f"p-{index}"), namespace)
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        small = ApiClient(connection, timeout_s=5, page_limit=2)
        sizes = [len(page.items) async for page in small.pages(PODS, namespace)]
    assert sizes == [2, 2, 1]
    found = await api.list_all(PODS, namespace, field_selector="metadata.name=p-3")
    assert [p.metadata.name for p in found] == ["p-3"]


async def test_lack_of_permission_names_user_verb_and_resource(server: ApiServer, tmp_path: Path) -> None:
    token = server.access.add(User("bot", rules=(allow("get", "nodes"),)))
    path = server.kubeconfig(tmp_path / "config", token)
    async with connect(Kubernetes(kubeconfig=path)) as connection:
        with pytest.raises(ForbiddenError) as caught:
            await ApiClient(connection, timeout_s=5).list_all(JOBS, "ims")
    said = str(caught.value)
    assert "list jobs in namespace ims: " in said
    assert 'User "bot" cannot list resource "jobs"' in said
    assert "Role or ClusterRole of the bot lacks this permission" in said
    assert token not in said


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.DROPPED, Fault.REPLY_LOST])
async def test_read_survives_two_faults(server: ApiServer, api: ApiClient, fault: Fault) -> None:
    server.faults.strike_next(2, fault)
    assert (await api.get(NAMESPACES, "kube-system")).metadata.name == "kube-system"


async def test_read_gives_up_after_three_tries(server: ApiServer, api: ApiClient) -> None:
    server.faults.strike_next(9, Fault.INTERNAL_ERROR)
    with pytest.raises(UnreachableError, match=r"etcdserver: request timed out \(HTTP 500\)"):
        await api.get(NAMESPACES, "kube-system")
    assert sum(call.code == 500 for call in server.calls) == 3


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.DROPPED, Fault.REPLY_LOST])
async def test_write_of_unknown_fate_is_sent_once(server: ApiServer, api: ApiClient, fault: Fault) -> None:
    server.faults.strike_next(1, fault)
    with pytest.raises(UnreachableError):
        await api.create(NODES, node("ncn-w001"))
    assert sum(call.verb == "create" for call in server.calls) == 1


async def test_throttled_write_was_not_done_and_is_sent_again_after_the_time_asked(
    server: ApiServer, api: ApiClient
) -> None:
    server.faults.strike_next(1, Fault.THROTTLED)
    begun = asyncio.get_running_loop().time()
    await api.create(NODES, node("ncn-w001"))
    assert asyncio.get_running_loop().time() - begun >= 1.0
    assert server.registry.store.find(STORED_NODES, ("", "ncn-w001"))


async def test_silent_server_ends_in_an_error_within_the_bound(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = ApiServer(tls=False, port=silent.getsockname()[1]).kubeconfig(tmp_path / "config")
        async with connect(Kubernetes(kubeconfig=path)) as connection:
            with pytest.raises(UnreachableError, match=r'get nodes "n": no answer from \S+ within 0.1 s'):
                await ApiClient(connection, timeout_s=0.1).get(NODES, "n")


def test_foreign_text_in_a_refusal_is_shown_as_codes_and_cut() -> None:
    call = Call("get", NODES, name="n")
    said = str(error_of(call, 422, Status(message="\x1b[31m\u202e\nred" + "x" * 5000), {}))
    assert 'get nodes "n": \\u001b[31m\\u202e\\u000ared' in said
    assert len(said) < 700


def test_refusal_of_a_policy_is_a_rejection_and_not_a_missing_permission() -> None:
    call = Call("create", PODS, "ims", "canary")
    quota = error_of(call, 403, Status(message='pods "canary" is forbidden: exceeded quota: compute'), {})
    assert isinstance(quota, RejectedError)


def test_time_to_wait_is_read_from_status_or_header() -> None:
    call = Call("get", NODES)
    by_header = error_of(call, 429, Status(), {"Retry-After": "7"})
    assert isinstance(by_header, TemporaryError)
    assert by_header.retry_after_s == 7.0

"""`deploy/rbac.yaml` against the code: whatever the bot does works with it, and nothing in it goes unused.

The adapters do everything that they can do, as the bot's service account and against the stand-in, which enforces
the file and keeps a log of the requests. That they really do everything is seen in their source. What `imsbot
check` asks to be allowed is held against the same log.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import bot
from bot.adapters.clock import SystemClock
from bot.adapters.kube import resources
from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.cluster import KubeCluster
from bot.adapters.kube.connect import connect
from bot.adapters.kube.feed import Feed
from bot.adapters.kube.lease import KubeLeases
from bot.adapters.kube.pause_key import ConfigMapKey
from bot.adapters.kube.rights import ask_rights, needs
from bot.adapters.kube.watch import Bounds
from bot.cli.live_objects import read_live
from bot.core.action import (
    ClusterChange,
    CreateCanary,
    CreateRuntimeClass,
    DeleteCanary,
    OutcomeKind,
    RestartDaemonSet,
    SetCordon,
    SetLabel,
)
from bot.core.facts.cluster import Reads
from bot.core.model import Target, TargetKind
from bot.core.settings import Kubernetes, LeaseTimes, Settings
from tests.adapters.kube.objects import daemonset, node, pod
from tests.sandbox.api import (
    DAEMONSETS,
    EVERY_ACCOUNT,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    Allow,
    ApiServer,
    Call,
    User,
)
from tests.sandbox.controllers.objects import IMS_NAMESPACE
from tests.sandbox.whole.access import BOT
from tests.waiting import eventually

WORKER = "ncn-w001"
INCIDENT = "abcd2345"
WATCHER = ("services", "sonar-jobs-watcher")
SETTINGS = Settings.model_validate({"ssh": {"client_key": "x", "known_hosts": "x"}, "canary": {"image": "x"}})
REVIEW = ("create", "selfsubjectaccessreviews")
"""Asked by `ApiClient.may`, and by no name of the table of resources."""

VERBS_OF_CALLS = {
    "get": ("get",),
    "find": ("get",),
    "list_all": ("list",),
    "pages": ("list",),
    "create": ("create",),
    "patch": ("patch",),
    "delete": ("delete",),
    "Watch": ("list", "watch"),
}
"""Method of `ApiClient`, or the class that is given one -> the verbs it stands for."""


def changes(uid: str, canaries: str = IMS_NAMESPACE) -> tuple[ClusterChange, ...]:
    """One of every kind, in an order in which each has something to do."""
    return (
        SetCordon(WORKER, uid, INCIDENT, cordoned=True),
        SetLabel(WORKER, uid, INCIDENT, labelled=True),
        CreateRuntimeClass("kata-qemu", "kata-qemu", {"cpu": "250m"}, {}),
        CreateRuntimeClass("kata-qemu", "kata-qemu", {"cpu": "250m"}, {}),
        CreateCanary(canaries, "canary", WORKER, "kata-qemu", INCIDENT, "registry.local/i:1", 60, "1", "1Mi"),
        DeleteCanary(canaries, "canary"),
        RestartDaemonSet(WATCHER[0], WATCHER[1], INCIDENT),
    )


@pytest.fixture
async def calls(tmp_path: Path) -> list[Call]:
    """What the server was asked while the adapters did all that they can do."""
    return await calls_of(BOT, SETTINGS, tmp_path)


async def calls_of(user: User, settings: Settings, folder: Path) -> list[Call]:
    server = ApiServer(bookmark_interval_s=0.1)
    await server.start()
    canaries, leases = settings.canary.namespace, settings.kubernetes.lease_namespace
    for name in {IMS_NAMESPACE, canaries, leases, WATCHER[0]}:
        server.registry.create(NAMESPACES, {"metadata": {"name": name}})
    uid = server.registry.create(NODES, node(WORKER))["metadata"]["uid"]
    server.registry.create(PODS, pod("build"), IMS_NAMESPACE)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    server.registry.create(JOBS, {"metadata": {"name": "build"}, "spec": {"template": template}}, IMS_NAMESPACE)
    server.registry.create(DAEMONSETS, daemonset(WATCHER[1]), WATCHER[0])
    kubeconfig = server.kubeconfig(folder / "kubeconfig", server.access.add(user))
    await read_live(Kubernetes(kubeconfig=kubeconfig))
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        api = ApiClient(connection, timeout_s=5)
        await watch_all(api)
        await change_all(KubeCluster(api, "^ncn-w"), uid, canaries)
        await hold_a_lease(api, leases, uid)
        await ConfigMapKey(api, leases, settings.pause.configmap or "").read()
        await ask_rights(api, needs(settings))
    await server.stop()
    return server.calls


async def watch_all(api: ApiClient) -> None:
    feed = Feed(api, (IMS_NAMESPACE,), "^ncn-w", Bounds(timeout_s=5, grace_s=1))
    task = asyncio.create_task(feed.run(lambda _: None))
    await eventually(lambda: all(p.watches or p.error for p in feed.progress()))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def change_all(cluster: KubeCluster, uid: str, canaries: str) -> None:
    build = ((IMS_NAMESPACE, "build"),)
    for change in changes(uid, canaries):
        assert OutcomeKind.OK is (await cluster.apply(change)).kind
        await cluster.facts(
            Reads(Target(TargetKind.NODE, WORKER, uid), "kata-qemu", (canaries, "canary"), build, build)
        )


async def hold_a_lease(api: ApiClient, namespace: str, uid: str) -> None:
    leases = KubeLeases(api, namespace=namespace, holder="journal", times=LeaseTimes(), clock=SystemClock())
    async with leases.hold(Target(TargetKind.NODE, WORKER, uid)):
        pass


def asked_in_source() -> Iterator[tuple[str, str]]:
    """(verb, resource) of every place in the program where the API is asked for a resource of its table."""
    plurals = {name: r.plural for name, r in vars(resources).items() if isinstance(r, resources.Resource)}
    for path in Path(bot.__file__).parent.rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            for argument in call.args[:2]:
                if isinstance(argument, ast.Name) and argument.id in plurals:
                    yield from ((verb, plurals[argument.id]) for verb in VERBS_OF_CALLS.get(name, ()))


def test_every_kind_of_change_is_tried() -> None:
    assert set(get_args(ClusterChange)) == {type(change) for change in changes("uid")}


def test_nothing_in_the_source_is_left_out(calls: list[Call]) -> None:
    assert {*asked_in_source(), REVIEW} == {(call.verb, call.target) for call in calls}


async def test_what_check_asks_to_be_allowed_is_what_is_asked_with_these_settings(tmp_path: Path) -> None:
    """Each namespace another one, and asked as an administrator, so that no Role says where something belongs."""
    settings = SETTINGS.model_copy(
        update={
            "canary": SETTINGS.canary.model_copy(update={"namespace": "canaries"}),
            "kubernetes": Kubernetes(ims_namespaces=(IMS_NAMESPACE,), lease_namespace="leases"),
            "pause": SETTINGS.pause.model_copy(update={"configmap": "brake"}),
        }
    )
    needed = {(c.verb, c.resource.group, c.resource.plural, c.namespace): c.name for c in needs(settings)}
    calls = [c for c in await calls_of(User("admin"), settings, tmp_path) if (c.verb, c.target) != REVIEW]
    asked = [(c.verb, c.group, c.target, "" if c.target == "namespaces" else c.namespace) for c in calls]
    assert needed.keys() == set(asked)
    for call, key in zip(calls, asked, strict=True):
        assert needed[key] in {"", call.name}


def test_everything_the_bot_asks_is_allowed(calls: list[Call]) -> None:
    assert [] == [call for call in calls if call.code == 403]


def test_everything_allowed_is_used(calls: list[Call]) -> None:
    unused = [
        f"{verb} {resource} {sorted(rule.namespaces) or 'everywhere'}"
        for rule in BOT.rules or ()
        for verb in sorted(rule.verbs)
        for resource in sorted(rule.resources)
        if not any(Allow(frozenset({verb}), frozenset({resource}), *_limits(rule)).covers(c) for c in calls)
    ]
    assert [] == unused


def test_nothing_is_allowed_twice(calls: list[Call]) -> None:
    """Else a verb could be taken away somewhere and the bot would not notice.

    To ask for its rights, every account is allowed by the API server's own ClusterRole: no Role of ours names it.
    """
    rules = (*(BOT.rules or ()), *EVERY_ACCOUNT)
    assert [] == [call for call in calls if sum(rule.covers(call) for rule in rules) > 1]


def _limits(rule: Allow) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    return rule.namespaces, rule.groups, rule.names

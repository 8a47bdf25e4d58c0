"""Rounds of facts: live, whole, or an error."""

from pathlib import Path

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.cluster import KubeCluster
from bot.adapters.kube.connect import connect
from bot.adapters.kube.resources import EVENTS, JOBS, NODES, PODS, RUNTIME_CLASSES
from bot.core.errors import ForbiddenError, UnreachableError
from bot.core.facts.cluster import Reads
from bot.core.model import Target, TargetKind
from bot.core.objects import RawObject
from bot.core.settings import Kubernetes
from tests.adapters.kube.objects import event, node, pod, unique
from tests.sandbox.api import ApiServer, Fault
from tests.sandbox.api.access import User, allow


def job(name: str) -> RawObject:
    containers = [{"name": "c", "image": "registry.local/busybox:1"}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}


async def test_round_holds_all_that_was_asked_for(api: ApiClient, namespace: str) -> None:
    stem, kata = unique("ncn-w"), unique("kata")
    worker = await api.create(NODES, node(f"{stem}-1"))
    await api.create(NODES, node(f"{stem}-2"))
    await api.create(NODES, node(unique("ncn-m001")))
    handler = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "kata-qemu"}
    await api.create(RUNTIME_CLASSES, {**handler, "metadata": {"name": kata}})
    here = await api.create(PODS, pod("here", nodeName=f"{stem}-1"), namespace)
    await api.create(PODS, pod("there", nodeName=f"{stem}-2"), namespace)
    await api.create(JOBS, job("build"), namespace)
    for name, uid, kind in (("e1", here.metadata.uid, "Warning"), ("e2", "other", "Warning")):
        await api.create(EVENTS, event(name, namespace, uid=uid, kind=kind), namespace)
    await api.create(EVENTS, event("e3", namespace, uid=here.metadata.uid, kind="Normal"), namespace)
    facts = await KubeCluster(api, f"^{stem}").facts(
        Reads(
            target=Target(TargetKind.NODE, f"{stem}-1", worker.metadata.uid),
            runtime_class=kata,
            canary=(namespace, "absent"),
            pods=((namespace, "here"), (namespace, "gone")),
            jobs=((namespace, "build"), (namespace, "gone")),
        )
    )
    assert facts.cluster_uid
    assert facts.node is not None
    assert facts.node.metadata.uid == worker.metadata.uid
    assert facts.runtime_class is not None
    assert facts.runtime_class.handler == "kata-qemu"
    assert [n.metadata.name for n in facts.workers] == [f"{stem}-1", f"{stem}-2"]
    assert [p.metadata.name for p in facts.pods_on_node] == ["here"]
    assert [p.metadata.name for p in facts.rescued] == ["here"]
    assert [j.metadata.name for j in facts.rescued_jobs] == ["build"]
    assert (facts.canary, facts.canary_events) == (None, ())
    assert [e.metadata.name for e in facts.rescued_events] == ["e1"]


async def test_canary_comes_with_the_warnings_about_it(api: ApiClient, namespace: str) -> None:
    canary = await api.create(PODS, pod("canary"), namespace)
    await api.create(EVENTS, event("e1", namespace, uid=canary.metadata.uid), namespace)
    target = Target(TargetKind.RUNTIMECLASS, "absent")
    facts = await KubeCluster(api, "^none$").facts(Reads(target, "absent", canary=(namespace, "canary")))
    assert facts.canary is not None
    assert [e.metadata.name for e in facts.canary_events] == ["e1"]
    assert (facts.node, facts.runtime_class, facts.workers, facts.pods_on_node) == (None, None, (), ())


async def test_one_read_that_fails_fails_the_round(server: ApiServer, api: ApiClient) -> None:
    server.faults.strike_next(9, Fault.INTERNAL_ERROR, lambda call: call.resource == "nodes")
    with pytest.raises(UnreachableError, match="list nodes"):
        await KubeCluster(api, ".").facts(Reads(Target(TargetKind.RUNTIMECLASS, "k"), "k"))


async def test_nested_read_without_permission_is_one_plain_error(server: ApiServer, tmp_path: Path) -> None:
    everything_but_jobs = allow("get list", "nodes namespaces runtimeclasses pods events")
    token = server.access.add(User("bot", rules=(everything_but_jobs,)))
    async with connect(Kubernetes(kubeconfig=server.kubeconfig(tmp_path / "c", token))) as connection:
        cluster = KubeCluster(ApiClient(connection, timeout_s=5), ".")
        reads = Reads(Target(TargetKind.RUNTIMECLASS, "k"), "k", jobs=(("ims", "a"), ("ims", "b")))
        with pytest.raises(ForbiddenError, match='cannot get resource "jobs"'):
            await cluster.facts(reads)

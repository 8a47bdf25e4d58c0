"""The simulated scheduler: its choice, its texts and what makes it try again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.api import EVENTS, NODES, PODS, RUNTIMECLASSES, ApiServer, KubeObject, Registry
from tests.sandbox.controllers import Cluster, install_ims, kata_runtimeclass, master_node, worker_node
from tests.sandbox.controllers.conditions import find_condition
from tests.sandbox.controllers.placement import render_unschedulable, used_on, why_not
from tests.sandbox.controllers.scripted import eventually

LABEL = "katacontainers.io/kata-runtime"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    server = ApiServer(tls=False)
    install_ims(server.registry)
    server.registry.create(RUNTIMECLASSES, kata_runtimeclass())
    async with Cluster(server, {}):
        yield server.registry


def kata_pod(name: str = "x", memory: str = "1Gi", **spec: object) -> KubeObject:
    container = {"name": "c", "image": "i:1", "resources": {"requests": {"memory": memory}}}
    return {
        "metadata": {"name": name},
        "spec": {"containers": [container], "runtimeClassName": "kata-qemu", **spec},
    }


def unscheduled(registry: Registry, text: str) -> KubeObject | None:
    """The FailedScheduling event that says `text`, if there is one."""
    found = [e for e in registry.list(EVENTS) if e["reason"] == "FailedScheduling" and e["message"] == text]
    return found[-1] if found else None


def verdict(pod: KubeObject, nodes: list[KubeObject], others: list[KubeObject] | None = None) -> str:
    rejected = [(node, why_not(pod, node, used_on(node["metadata"]["name"], others or []))) for node in nodes]
    return render_unschedulable(pod, rejected)


async def test_no_labelled_node_reads_as_on_a_real_cluster(registry: Registry) -> None:
    for name in ("ncn-w001", "ncn-w002", "ncn-w003"):
        registry.create(NODES, worker_node(name, kata_label=False))
    registry.create(PODS, kata_pod(), "ims")
    text = (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. no new claims to "
        "deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    event = await eventually(registry.store, lambda: unscheduled(registry, text))
    condition = find_condition(registry.get(PODS, "x", "ims"), "PodScheduled")
    assert condition is not None
    assert ("False", "Unschedulable", text) == (condition["status"], condition["reason"], condition["message"])
    assert ({}, None, "default-scheduler") == (
        event["source"],
        event["firstTimestamp"],
        event["reportingComponent"],
    )
    assert "count" not in event
    assert event["eventTime"].endswith("Z")


async def test_labelling_a_node_places_the_waiting_pod(registry: Registry) -> None:
    registry.create(NODES, worker_node("ncn-w001", kata_label=False))
    registry.create(PODS, kata_pod(), "ims")
    await eventually(registry.store, lambda: find_condition(registry.get(PODS, "x", "ims"), "PodScheduled"))
    registry.patch(NODES, "ncn-w001", {"metadata": {"labels": {LABEL: "true"}}})
    await eventually(registry.store, lambda: registry.get(PODS, "x", "ims")["spec"].get("nodeName"))
    assert ["Successfully assigned ims/x to ncn-w001"] == [
        event["message"] for event in registry.list(EVENTS) if event["reason"] == "Scheduled"
    ]


async def test_cordon_becomes_a_taint_and_keeps_pods_away(registry: Registry) -> None:
    registry.create(NODES, worker_node("ncn-w001"))
    registry.patch(NODES, "ncn-w001", {"spec": {"unschedulable": True}})
    await eventually(registry.store, lambda: registry.get(NODES, "ncn-w001")["spec"].get("taints"))
    registry.create(PODS, kata_pod(), "ims")
    text = (
        "0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, preemption: "
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    await eventually(registry.store, lambda: unscheduled(registry, text))
    registry.patch(NODES, "ncn-w001", {"spec": {"unschedulable": None}})
    await eventually(registry.store, lambda: registry.get(PODS, "x", "ims")["spec"].get("nodeName"))
    assert {} == registry.get(NODES, "ncn-w001")["spec"]


async def test_pods_spread_over_fitting_workers(registry: Registry) -> None:
    registry.create(NODES, master_node())
    for name in ("ncn-w001", "ncn-w002"):
        registry.create(NODES, worker_node(name))
    for name in ("a", "b"):
        registry.create(PODS, kata_pod(name), "ims")
    await eventually(registry.store, lambda: all(p["spec"].get("nodeName") for p in registry.list(PODS)))
    assert {"ncn-w001", "ncn-w002"} == {pod["spec"]["nodeName"] for pod in registry.list(PODS)}


def test_reasons_are_counted_per_node() -> None:
    pod = kata_pod(nodeSelector={LABEL: "true"})
    nodes = [master_node(), worker_node("ncn-w001", kata_label=False), worker_node("ncn-w002", kata_label=False)]
    assert (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node "
        "affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is "
        "not helpful for scheduling."
    ) == verdict(pod, nodes)


def test_too_large_a_pod_is_insufficient_memory() -> None:
    assert (
        "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes "
        "are available: 1 Preemption is not helpful for scheduling."
    ) == verdict(kata_pod(memory="2Ti"), [worker_node("ncn-w001")])


def test_a_full_node_could_be_won_back() -> None:
    other = kata_pod("y", memory="255Gi", nodeName="ncn-w001")
    other["status"] = {"phase": "Running"}
    text = verdict(kata_pod(memory="8Gi"), [worker_node("ncn-w001")], [other])
    assert text.endswith("preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")


def test_no_nodes_at_all() -> None:
    assert "no nodes available to schedule pods" == verdict(kata_pod(), [])

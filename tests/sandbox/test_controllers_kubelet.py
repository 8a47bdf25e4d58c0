"""The simulated kubelet: a pod that hangs, the same pod healed, and everything else a node says of its pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.api import (
    EVENTS,
    NODES,
    PODS,
    RUNTIMECLASSES,
    ApiServer,
    DeleteOptions,
    KubeObject,
    Registry,
    evict,
)
from tests.sandbox.api.clock import parse_time
from tests.sandbox.controllers import (
    KATA_LABEL,
    Cluster,
    Timing,
    install_ims,
    kata_runtimeclass,
    worker_node,
)
from tests.sandbox.controllers.conditions import find_condition, holds
from tests.sandbox.controllers.scripted import GUEST_KERNEL, HOST_KERNEL, ScriptedRuntime, eventually

QUICK = Timing(sandbox_retry_s=0.04, init_s=0.01, run_s=0.05, stop_s=0.01, poll_s=0.02)
NO_HANDLER = (
    'rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
)
WRITE_KERNEL = ["sh", "-c", "uname -r > /dev/termination-log"]


@pytest.fixture
def runtime() -> ScriptedRuntime:
    return ScriptedRuntime()


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer(tls=False)
    install_ims(server.registry)
    server.registry.create(NODES, worker_node("ncn-w001", internal_ip="127.0.0.11"))
    server.registry.create(RUNTIMECLASSES, kata_runtimeclass())
    return server


@pytest.fixture
async def registry(server: ApiServer, runtime: ScriptedRuntime) -> AsyncIterator[Registry]:
    async with Cluster(server, {"ncn-w001": runtime}, timing=QUICK, patience_s=0.1):
        yield server.registry


def kata_pod(name: str = "x", *, init: bool = False, command: list[str] | None = None, **spec: Any) -> KubeObject:
    wanted: KubeObject = {
        "restartPolicy": "Never",
        "runtimeClassName": "kata-qemu",
        "containers": [{"name": "c", "image": "i:1", "command": command or ["build"]}],
        **spec,
    }
    if init:
        wanted["initContainers"] = [{"name": "prepare", "image": "i:1"}]
    return {"metadata": {"name": name}, "spec": wanted}


def events(registry: Registry, reason: str) -> list[KubeObject]:
    return [event for event in registry.list(EVENTS) if event["reason"] == reason]


def pod(registry: Registry, name: str = "x") -> KubeObject:
    return registry.get(PODS, name, "ims")


def in_phase(registry: Registry, phase: str) -> bool:
    return bool(pod(registry)["status"]["phase"] == phase)


async def test_failed_sandbox_is_one_event_with_a_rising_count(
    registry: Registry, runtime: ScriptedRuntime
) -> None:
    runtime.broken["kata-qemu"] = NO_HANDLER
    registry.create(PODS, kata_pod(), "ims")
    (event,) = await eventually(
        registry.store, lambda: [e for e in events(registry, "FailedCreatePodSandBox") if e["count"] >= 3]
    )
    assert f"Failed to create pod sandbox: {NO_HANDLER}" == event["message"]
    assert ("Warning", {"component": "kubelet", "host": "ncn-w001"}) == (event["type"], event["source"])
    assert pod(registry)["metadata"]["uid"] == event["involvedObject"]["uid"]


@pytest.mark.parametrize(("init", "waiting"), [(False, "ContainerCreating"), (True, "PodInitializing")])
async def test_hanging_pod_is_pending_without_any_message(
    registry: Registry, runtime: ScriptedRuntime, init: bool, waiting: str
) -> None:
    runtime.broken["kata-qemu"] = NO_HANDLER
    registry.create(PODS, kata_pod(init=init), "ims")
    await eventually(registry.store, lambda: events(registry, "FailedCreatePodSandBox"))
    status = pod(registry)["status"]
    assert ("Pending", "127.0.0.11", {"waiting": {"reason": waiting}}) == (
        status["phase"],
        status["hostIP"],
        status["containerStatuses"][0]["state"],
    )
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert {
        "PodReadyToStartContainers": "False",
        "Initialized": "False" if init else "True",
        "Ready": "False",
        "ContainersReady": "False",
        "PodScheduled": "True",
    } == conditions


async def test_the_same_pod_runs_after_the_repair(registry: Registry, runtime: ScriptedRuntime) -> None:
    runtime.broken["kata-qemu"] = NO_HANDLER
    uid = registry.create(PODS, kata_pod(init=True), "ims")["metadata"]["uid"]
    await eventually(registry.store, lambda: events(registry, "FailedCreatePodSandBox"))
    runtime.broken.clear()
    await eventually(registry.store, lambda: in_phase(registry, "Succeeded"))
    ended = pod(registry)
    assert uid == ended["metadata"]["uid"]
    assert [0, 0] == [
        ended["status"][part][0]["state"]["terminated"]["exitCode"]
        for part in ("initContainerStatuses", "containerStatuses")
    ]
    assert ["Pulled", "Created", "Started"] == [
        event["reason"]
        for event in registry.list(EVENTS)
        if event["involvedObject"].get("fieldPath") == "spec.containers{c}"
    ]
    assert set() == runtime.running


async def test_handler_comes_from_the_class_not_from_its_name(
    registry: Registry, runtime: ScriptedRuntime
) -> None:
    registry.create(RUNTIMECLASSES, kata_runtimeclass("secure", "kata"))
    registry.create(PODS, kata_pod(runtimeClassName="secure"), "ims")
    registry.create(PODS, kata_pod("plain", runtimeClassName=None), "ims")
    await eventually(registry.store, lambda: len(runtime.asked) == 2)
    assert {"kata", None} == set(runtime.asked)


async def test_class_deleted_after_admission_is_the_kubelets_own_error(
    registry: Registry, runtime: ScriptedRuntime
) -> None:
    runtime.broken["kata-qemu"] = NO_HANDLER
    registry.create(PODS, kata_pod(), "ims")
    await eventually(registry.store, lambda: events(registry, "FailedCreatePodSandBox"))
    registry.delete(RUNTIMECLASSES, "kata-qemu")
    text = 'Failed to create pod sandbox: runtimeclass.node.k8s.io "kata-qemu" not found'
    await eventually(
        registry.store,
        lambda: [event for event in events(registry, "FailedCreatePodSandBox") if event["message"] == text],
    )


async def test_pinned_pod_is_rejected_while_the_label_is_missing(registry: Registry) -> None:
    registry.patch(NODES, "ncn-w001", {"metadata": {"labels": {KATA_LABEL: None}}})
    registry.create(PODS, kata_pod(nodeName="ncn-w001"), "ims")
    await eventually(registry.store, lambda: in_phase(registry, "Failed"))
    text = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    status = pod(registry)["status"]
    assert ("NodeAffinity", f"Pod was rejected: {text}") == (status["reason"], status["message"])
    assert [text] == [event["message"] for event in events(registry, "NodeAffinity")]


async def test_pinned_pod_starts_on_a_cordoned_node(registry: Registry) -> None:
    registry.patch(NODES, "ncn-w001", {"spec": {"unschedulable": True}})
    registry.create(PODS, kata_pod(nodeName="ncn-w001"), "ims")
    await eventually(registry.store, lambda: in_phase(registry, "Succeeded"))


@pytest.mark.parametrize(("runtime_class", "kernel"), [("kata-qemu", GUEST_KERNEL), (None, HOST_KERNEL)])
async def test_canary_reports_the_kernel_it_runs_on(
    registry: Registry, server: ApiServer, runtime_class: str | None, kernel: str
) -> None:
    registry.create(PODS, kata_pod(command=WRITE_KERNEL, runtimeClassName=runtime_class), "ims")
    await eventually(registry.store, lambda: in_phase(registry, "Succeeded"))
    canary = pod(registry)
    terminated = canary["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (f"{kernel}\n", f"{kernel}\n") == (terminated["message"], server.logs.read(canary, "c"))


async def test_containers_lost_under_a_never_pod_fail_it(registry: Registry, runtime: ScriptedRuntime) -> None:
    lasting = kata_pod()
    lasting["metadata"]["annotations"] = {"sandbox.imsbot/run-seconds": "60"}
    registry.create(PODS, lasting, "ims")
    await eventually(registry.store, lambda: in_phase(registry, "Running"))
    runtime.running.clear()  # what a containerd restart does under CSM's unit
    await eventually(registry.store, lambda: in_phase(registry, "Failed"))
    terminated = pod(registry)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert 255 == terminated["exitCode"]


async def test_evicted_hanging_pod_leaves_no_container_behind(
    registry: Registry, runtime: ScriptedRuntime
) -> None:
    runtime.broken["kata-qemu"] = NO_HANDLER
    registry.create(PODS, kata_pod(), "ims")
    await eventually(registry.store, lambda: events(registry, "FailedCreatePodSandBox"))
    evict(registry, "ims", "x", DeleteOptions())
    await eventually(registry.store, lambda: not registry.list(PODS))
    last = registry.store.changes_since(PODS, 0)[-1].obj["status"]
    assert ("Failed", "DisruptionTarget") == (last["phase"], last["conditions"][-1]["type"])


async def test_deleted_running_pod_is_killed(registry: Registry, runtime: ScriptedRuntime) -> None:
    registry.create(PODS, kata_pod(restartPolicy="Always"), "ims")
    await eventually(registry.store, lambda: in_phase(registry, "Running"))
    registry.delete(PODS, "x", "ims")
    await eventually(registry.store, lambda: not registry.list(PODS))
    assert ["Stopping container c"] == [event["message"] for event in events(registry, "Killing")]
    assert set() == runtime.running


async def test_a_hanging_start_ends_with_its_pod(registry: Registry, runtime: ScriptedRuntime) -> None:
    runtime.held = asyncio.Event()
    registry.create(PODS, kata_pod(), "ims")
    await eventually(registry.store, lambda: find_condition(pod(registry), "PodReadyToStartContainers"))
    registry.delete(PODS, "x", "ims", DeleteOptions(grace_s=0))
    registry.create(PODS, kata_pod("y", runtimeClassName=None), "ims")
    runtime.held.set()
    await eventually(registry.store, lambda: pod(registry, "y")["status"]["phase"] == "Succeeded")


async def test_unpullable_image_is_not_a_sandbox_failure(registry: Registry) -> None:
    wanted = kata_pod()
    wanted["spec"]["containers"][0]["image"] = "registry.local/gone:unpullable"
    registry.create(PODS, wanted, "ims")
    await eventually(registry.store, lambda: events(registry, "BackOff"))
    assert [] == events(registry, "FailedCreatePodSandBox")
    assert holds(pod(registry), "PodReadyToStartContainers")
    assert "Error: ErrImagePull" in [event["message"] for event in events(registry, "Failed")]


async def test_node_turns_not_ready_after_the_kubelets_patience(
    registry: Registry, runtime: ScriptedRuntime
) -> None:
    await eventually(registry.store, lambda: holds(registry.get(NODES, "ncn-w001"), "Ready"))
    runtime.answers = False
    await eventually(registry.store, lambda: registry.get(NODES, "ncn-w001")["spec"].get("taints"))
    ready = find_condition(registry.get(NODES, "ncn-w001"), "Ready")
    assert ready is not None
    assert ("False", "KubeletNotReady", "container runtime is down") == (
        ready["status"],
        ready["reason"],
        ready["message"],
    )
    (event,) = events(registry, "NodeNotReady")
    assert ("default", "Normal", "Node ncn-w001 status is now: NodeNotReady") == (
        event["metadata"]["namespace"],
        event["type"],
        event["message"],
    )
    runtime.answers = True
    await eventually(registry.store, lambda: "taints" not in registry.get(NODES, "ncn-w001")["spec"])


async def test_node_status_is_written_rarely(registry: Registry) -> None:
    await eventually(registry.store, lambda: holds(registry.get(NODES, "ncn-w001"), "Ready"))
    before = registry.get(NODES, "ncn-w001")
    await asyncio.sleep(5 * QUICK.poll_s)
    assert before == registry.get(NODES, "ncn-w001")
    assert parse_time(before["status"]["conditions"][0]["lastHeartbeatTime"])

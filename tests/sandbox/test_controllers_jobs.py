"""The simulated job controller: what a Job and its Events say from refusal to end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.api import (
    EVENTS,
    JOBS,
    NODES,
    PODS,
    RUNTIMECLASSES,
    ApiServer,
    DeleteOptions,
    KubeObject,
    Registry,
    evict,
)
from tests.sandbox.controllers import (
    Cluster,
    Timing,
    failing_ims_job,
    ims_job,
    install_ims,
    kata_runtimeclass,
    worker_node,
)
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.controllers.scripted import ScriptedRuntime, eventually

QUICK = Timing(sandbox_retry_s=0.05, init_s=0.01, run_s=0.05, stop_s=0.01, poll_s=0.02)
JOB_ID = "6f9a2c1e-3b7d-4e0a-9c55-0d1f2a3b4c01"
NAME = f"cray-ims-{JOB_ID}-customize"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    server = ApiServer(tls=False)
    install_ims(server.registry)
    server.registry.create(NODES, worker_node("ncn-w001"))
    async with Cluster(server, {"ncn-w001": ScriptedRuntime()}, timing=QUICK, job_backoff_base_s=0.05):
        yield server.registry


def events(registry: Registry, reason: str) -> list[KubeObject]:
    return [event for event in registry.list(EVENTS) if event["reason"] == reason]


def job(registry: Registry) -> KubeObject:
    return registry.get(JOBS, NAME, "ims")


async def test_missing_runtime_class_is_seen_on_the_job_alone(registry: Registry) -> None:
    registry.create(JOBS, ims_job("customize", JOB_ID), "ims")
    (event,) = await eventually(
        registry.store, lambda: [e for e in events(registry, "FailedCreate") if e["count"] >= 3]
    )
    assert (
        f'Error creating: pods "{NAME}-" is forbidden: pod rejected: RuntimeClass "kata-qemu" not found'
    ) == event["message"]
    assert ("Job", NAME, {"component": "job-controller"}) == (
        event["involvedObject"]["kind"],
        event["involvedObject"]["name"],
        event["source"],
    )
    assert [] == registry.list(PODS)
    assert "active" not in job(registry)["status"]


async def test_job_heals_by_itself_when_its_class_appears(registry: Registry) -> None:
    registry.create(JOBS, ims_job("customize", JOB_ID), "ims")
    await eventually(registry.store, lambda: events(registry, "FailedCreate"))
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    await eventually(registry.store, lambda: holds(job(registry), "Complete"))
    status = job(registry)["status"]
    assert ["SuccessCriteriaMet", "Complete"] == [c["type"] for c in status["conditions"]]
    assert 1 == status["succeeded"]
    assert [f"Created pod: {pod['metadata']['name']}" for pod in registry.list(PODS)] == [
        event["message"] for event in events(registry, "SuccessfulCreate")
    ]


async def test_finished_pods_lose_the_tracking_finalizer(registry: Registry) -> None:
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    registry.create(JOBS, ims_job("customize", JOB_ID), "ims")
    await eventually(registry.store, lambda: holds(job(registry), "Complete"))
    (pod,) = registry.list(PODS)
    assert "finalizers" not in pod["metadata"]
    assert ("Job", True) == (
        pod["metadata"]["ownerReferences"][0]["kind"],
        pod["metadata"]["ownerReferences"][0]["controller"],
    )
    assert NAME == pod["metadata"]["labels"]["job-name"]


async def test_failed_build_fails_the_job_for_good(registry: Registry) -> None:
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    name = registry.create(JOBS, failing_ims_job(JOB_ID), "ims")["metadata"]["name"]
    await eventually(registry.store, lambda: holds(registry.get(JOBS, name, "ims"), "Failed"))
    failed = registry.get(JOBS, name, "ims")["status"]
    assert ["FailureTarget", "Failed"] == [c["type"] for c in failed["conditions"]]
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") == (
        failed["conditions"][1]["reason"],
        failed["conditions"][1]["message"],
    )
    assert 1 == len(registry.list(PODS))


async def test_evicted_pod_is_never_replaced(registry: Registry) -> None:
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    registry.patch(NODES, "ncn-w001", {"metadata": {"labels": {"katacontainers.io/kata-runtime": None}}})
    registry.create(JOBS, ims_job("customize", JOB_ID), "ims")
    (pod,) = await eventually(registry.store, lambda: registry.list(PODS))
    evict(registry, "ims", pod["metadata"]["name"], DeleteOptions())
    await eventually(registry.store, lambda: holds(job(registry), "Failed"))
    await eventually(registry.store, lambda: not registry.list(PODS))
    assert 1 == job(registry)["status"]["failed"]


async def test_deleted_job_takes_its_pods_along(registry: Registry) -> None:
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    registry.create(JOBS, ims_job("customize", JOB_ID), "ims")
    await eventually(registry.store, lambda: registry.list(PODS))
    registry.delete(JOBS, NAME, "ims")
    await eventually(registry.store, lambda: not registry.list(PODS))

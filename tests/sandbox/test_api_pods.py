"""Pods in the API stand-in: admission, defaults, graceful deletion, finalizers, eviction, binding and logs."""

from __future__ import annotations

import pytest

from tests.sandbox.api import (
    DISRUPTION_BUDGETS,
    PODS,
    RUNTIMECLASSES,
    ApiError,
    ApiServer,
    KubeObject,
    Registry,
    bind,
)
from tests.sandbox.api.client import ApiClient

POD_LIST = "/api/v1/namespaces/ims/pods"
KATA = {
    "metadata": {"name": "kata-qemu"},
    "handler": "kata-qemu",
    "overhead": {"podFixed": {"memory": "160Mi", "cpu": "250m"}},
    "scheduling": {"nodeSelector": {"katacontainers.io/kata-runtime": "true"}},
}


@pytest.fixture
def registry(server: ApiServer) -> Registry:
    return server.registry


def pod(name: str = "x", **spec: object) -> KubeObject:
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec},
    }


def run(registry: Registry, name: str = "x") -> KubeObject:
    """Bind the pod and let it run."""
    bound = bind(registry, "ims", name, "ncn-w001")
    return registry.update_status(PODS, bound, {**bound["status"], "phase": "Running"})


async def test_missing_runtime_class_forbids_the_pod(client: ApiClient) -> None:
    reply = await client.post(POD_LIST, pod(runtimeClassName="kata-qemu"))
    assert 403 == reply.code
    assert 'pods "x" is forbidden: pod rejected: RuntimeClass "kata-qemu" not found' == reply.body["message"]


async def test_refused_generated_name_shows_only_its_prefix(registry: Registry) -> None:
    wanted = pod(runtimeClassName="kata-qemu")
    wanted["metadata"] = {"generateName": "cray-ims-1-customize-"}
    with pytest.raises(ApiError, match='pods "cray-ims-1-customize-" is forbidden'):
        registry.create(PODS, wanted, "ims")


async def test_runtime_class_adds_overhead_and_selector(registry: Registry) -> None:
    registry.create(RUNTIMECLASSES, KATA)
    spec = registry.create(PODS, pod(runtimeClassName="kata-qemu", nodeSelector={"a": "b"}), "ims")["spec"]
    assert {"memory": "160Mi", "cpu": "250m"} == spec["overhead"]
    assert {"a": "b", "katacontainers.io/kata-runtime": "true"} == spec["nodeSelector"]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            {"runtimeClassName": "kata-qemu", "nodeSelector": {"katacontainers.io/kata-runtime": "false"}},
            "conflict: runtimeClass.scheduling.nodeSelector[katacontainers.io/kata-runtime] = true; "
            "pod.spec.nodeSelector[katacontainers.io/kata-runtime] = false",
        ),
        (
            {"runtimeClassName": "kata-qemu", "overhead": {"memory": "1Gi"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"overhead": {"memory": "1Gi"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            {"serviceAccountName": "ims-service-job-mount"},
            "error looking up service account ims/ims-service-job-mount: serviceaccount "
            '"ims-service-job-mount" not found',
        ),
    ],
)
async def test_admission_texts(registry: Registry, spec: KubeObject, text: str) -> None:
    registry.create(RUNTIMECLASSES, KATA)
    with pytest.raises(ApiError) as caught:
        registry.create(PODS, pod(**spec), "ims")
    assert (403, f'pods "x" is forbidden: {text}') == (caught.value.code, caught.value.message)


async def test_policies_can_deny(registry: Registry) -> None:
    registry.admission.denials.append(lambda _: "exceeded quota: compute, requested: pods=1")
    with pytest.raises(ApiError, match='pods "x" is forbidden: exceeded quota'):
        registry.create(PODS, pod(), "ims")


async def test_new_pod_has_the_defaults_of_a_real_one(registry: Registry) -> None:
    created = registry.create(PODS, pod(), "ims")
    spec, container = created["spec"], created["spec"]["containers"][0]
    assert {"phase": "Pending", "qosClass": "BestEffort"} == created["status"]
    assert ("Always", 30, "default") == (
        spec["restartPolicy"],
        spec["terminationGracePeriodSeconds"],
        spec["serviceAccountName"],
    )
    assert ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] == [
        toleration["key"] for toleration in spec["tolerations"]
    ]
    assert ("/dev/termination-log", "IfNotPresent") == (
        container["terminationMessagePath"],
        container["imagePullPolicy"],
    )


async def test_unbound_pod_is_deleted_at_once(client: ApiClient, registry: Registry) -> None:
    registry.create(PODS, pod(), "ims")
    reply = await client.delete(f"{POD_LIST}/x")
    assert (200, "Pod") == (reply.code, reply.body["kind"])
    assert [] == registry.list(PODS)


async def test_bound_pod_waits_for_its_kubelet(client: ApiClient, registry: Registry) -> None:
    registry.create(PODS, pod(), "ims")
    run(registry)
    marked = (await client.delete(f"{POD_LIST}/x")).body["metadata"]
    assert (30, 2) == (marked["deletionGracePeriodSeconds"], marked["generation"])
    await client.delete(f"{POD_LIST}/x", {"gracePeriodSeconds": 0})
    assert [] == registry.list(PODS)


async def test_finalizer_holds_a_deleted_pod(client: ApiClient, registry: Registry) -> None:
    held = pod()
    held["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    registry.create(PODS, held, "ims")
    reply = await client.delete(f"{POD_LIST}/x")
    assert "deletionTimestamp" in reply.body["metadata"]
    await client.patch(f"{POD_LIST}/x", {"metadata": {"finalizers": None}})
    assert [] == registry.list(PODS)


async def test_eviction_marks_the_pod_as_disrupted(client: ApiClient, registry: Registry) -> None:
    registry.create(PODS, pod(), "ims")
    run(registry)
    reply = await client.post(f"{POD_LIST}/x/eviction", {"metadata": {"name": "x"}})
    left = registry.get(PODS, "x", "ims")
    assert (201, "Success") == (reply.code, reply.body["status"])
    assert "EvictionByEvictionAPI" == left["status"]["conditions"][-1]["reason"]
    assert "deletionTimestamp" in left["metadata"]


async def test_budget_answers_429_and_is_spent(client: ApiClient, registry: Registry) -> None:
    budget = {"metadata": {"name": "pdb"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}}
    created = registry.create(DISRUPTION_BUDGETS, budget, "ims")
    registry.update_status(DISRUPTION_BUDGETS, created, {"desiredHealthy": 1, "currentHealthy": 1})
    registry.create(PODS, pod(), "ims")
    run(registry)
    eviction = {"metadata": {"name": "x"}}
    reply = await client.post(f"{POD_LIST}/x/eviction", eviction)
    assert (429, "Cannot evict pod as it would violate the pod's disruption budget.") == (
        reply.code,
        reply.body["message"],
    )
    assert "needs 1 healthy pods and has 1 currently" in reply.body["details"]["causes"][0]["message"]
    assert "Retry-After" not in reply.headers


async def test_pending_pod_is_beyond_budgets(client: ApiClient, registry: Registry) -> None:
    budget = {"metadata": {"name": "pdb"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}}
    registry.create(DISRUPTION_BUDGETS, budget, "ims")
    registry.create(PODS, pod(), "ims")
    assert 201 == (await client.post(f"{POD_LIST}/x/eviction", {"metadata": {"name": "x"}})).code


async def test_eviction_dry_run_and_preconditions_leave_no_trace(client: ApiClient, registry: Registry) -> None:
    registry.create(PODS, pod(), "ims")
    before = run(registry)
    eviction = {"metadata": {"name": "x"}, "deleteOptions": {"preconditions": {"uid": "another"}}}
    refused = await client.post(f"{POD_LIST}/x/eviction", eviction)
    dry = await client.post(f"{POD_LIST}/x/eviction", {"metadata": {"name": "x"}}, dryRun="All")
    assert (409, 201) == (refused.code, dry.code)
    assert before == registry.get(PODS, "x", "ims")


async def test_second_binding_conflicts(client: ApiClient, registry: Registry) -> None:
    registry.create(PODS, pod(), "ims")
    binding = {"metadata": {"name": "x"}, "target": {"kind": "Node", "name": "ncn-w001"}}
    first = await client.post(f"{POD_LIST}/x/binding", binding)
    second = await client.post(f"{POD_LIST}/x/binding", binding)
    assert (201, 409) == (first.code, second.code)


async def test_log_is_text_once_the_container_has_started(
    client: ApiClient, server: ApiServer, registry: Registry
) -> None:
    registry.create(PODS, pod(), "ims")
    running = run(registry)
    waiting = await client.get(f"{POD_LIST}/x/log")
    server.logs.write(running, "c", "6.1.62\n")
    written = await client.get(f"{POD_LIST}/x/log", container="c")
    assert (400, 'container "c" in pod "x" is waiting to start: ContainerCreating') == (
        waiting.code,
        waiting.body["message"],
    )
    assert (200, "6.1.62\n") == (written.code, written.body)

"""What only pods have: binding to a node, eviction under budgets, and logs."""

from __future__ import annotations

from .clock import render_time
from .deletion import DeleteOptions
from .registry import Registry
from .resources import DISRUPTION_BUDGETS, PODS, KubeObject
from .selectors import match_labels
from .status import ApiError, bad_request, budget_violated, conflict

# Evicting these disrupts nobody, so budgets are not asked (kubernetes `pod/storage/eviction.go`).
_BEYOND_BUDGETS = ("Pending", "Succeeded", "Failed")


def with_condition(pod: KubeObject, condition: KubeObject) -> KubeObject:
    """`pod` with that condition in place of the one of its type."""
    status = pod["status"]
    others = [c for c in status.get("conditions", ()) if c["type"] != condition["type"]]
    return {**pod, "status": {**status, "conditions": [*others, condition]}}


def bind(registry: Registry, namespace: str, name: str, node: str) -> KubeObject:
    """The scheduler's Binding: the only way to give an existing pod its node. Raises 409 when it has one."""
    pod = registry.get(PODS, name, namespace)
    if pod["spec"].get("nodeName"):
        raise conflict(PODS, name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    condition = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": render_time(registry.clock()),
    }
    bound = with_condition({**pod, "spec": {**pod["spec"], "nodeName": node}}, condition)
    return registry.store.put(PODS, bound)


def evict(registry: Registry, namespace: str, name: str, options: DeleteOptions, *, dry_run: bool = False) -> None:
    """Delete as a drain does. Raises 404, 409 (preconditions), 429 (budget) or 500 (two budgets)."""
    pod = registry.get(PODS, name, namespace)
    metadata = pod["metadata"]
    if pod["status"].get("phase") not in _BEYOND_BUDGETS and "deletionTimestamp" not in metadata:
        _spend_budget(registry, pod, dry_run)
    registry.delete(PODS, name, namespace, options, dry_run=True)  # preconditions before any trace
    if dry_run:
        return
    if "deletionTimestamp" not in metadata:
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": render_time(registry.clock()),
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
        registry.store.put(PODS, with_condition(pod, target))
    registry.delete(PODS, name, namespace, DeleteOptions(grace_s=options.grace_s, uid=options.uid))


def _spend_budget(registry: Registry, pod: KubeObject, dry_run: bool) -> None:
    labels = pod["metadata"].get("labels") or {}
    budgets = [
        budget
        for budget in registry.list(DISRUPTION_BUDGETS, pod["metadata"]["namespace"])
        if match_labels(budget["spec"].get("selector") or {})(labels)
    ]
    if len(budgets) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "", text)
    for budget in budgets:
        status = budget.get("status") or {}
        allowed = status.get("disruptionsAllowed", 0)
        if allowed <= 0:
            needed, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
            raise budget_violated(budget["metadata"]["name"], needed, healthy)
        if not dry_run:
            registry.update_status(DISRUPTION_BUDGETS, budget, {**status, "disruptionsAllowed": allowed - 1})


class PodLogs:
    """What containers wrote, by pod uid: the kubelet stand-in writes, the log endpoint reads."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def write(self, pod: KubeObject, container: str, text: str) -> None:
        self._texts[pod["metadata"]["uid"], container] = text

    def read(self, pod: KubeObject, container: str) -> str:
        """The text of `container` (of the only one when empty). Raises 400 where the real server does."""
        name, spec = pod["metadata"]["name"], pod["spec"]
        main = [each["name"] for each in spec["containers"]]
        init = [each["name"] for each in spec.get("initContainers", ())]
        if not container and len(main) > 1:
            choices = f"choose one of: [{' '.join(main)}]"
            more = f" or one of the init containers: [{' '.join(init)}]" if init else ""
            raise bad_request(f"a container name must be specified for pod {name}, {choices}{more}")
        wanted = container or main[0]
        if wanted not in (*main, *init):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        text = self._texts.get((pod["metadata"]["uid"], wanted))
        if text is None:
            if not spec.get("nodeName"):
                return ""
            waiting = "PodInitializing" if init else "ContainerCreating"
            raise bad_request(f'container "{wanted}" in pod "{name}" is waiting to start: {waiting}')
        return text

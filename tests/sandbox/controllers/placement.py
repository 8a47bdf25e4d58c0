"""Where a pod fits: pure functions shared by the scheduler and the kubelet's own admission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..api import KubeObject
from ..api.quantities import parse_quantity, pod_requests

SELECTOR_MISMATCH = "node(s) didn't match Pod's node affinity/selector"
_UNSCHEDULABLE = "node(s) were unschedulable"
_TAINTED = "node(s) had untolerated taint(s)"
_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"


def matches_selector(pod: KubeObject, node: KubeObject) -> bool:
    """True when the node carries every label of the pod's nodeSelector (admission merged the class's in)."""
    labels = node["metadata"].get("labels") or {}
    wanted = pod["spec"].get("nodeSelector") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def tolerates(pod: KubeObject, taint: Mapping[str, str]) -> bool:
    for toleration in pod["spec"].get("tolerations") or ():
        if toleration.get("effect") not in (None, "", taint["effect"]):
            continue
        if toleration.get("operator") == "Exists":
            if toleration.get("key") in (None, "", taint["key"]):
                return True
        elif (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", "")):
            return True
    return False


def why_not(pod: KubeObject, node: KubeObject, used: Mapping[str, Decimal]) -> list[str]:
    """The reasons of the first scheduler plugin (in their real order) that rejects the node; empty: it fits."""
    spec = node.get("spec") or {}
    if spec.get("unschedulable") and not tolerates(
        pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        return [_UNSCHEDULABLE]
    blocking = [taint for taint in spec.get("taints") or () if taint["effect"] in ("NoSchedule", "NoExecute")]
    if not all(tolerates(pod, taint) for taint in blocking):
        return [_TAINTED]
    if not matches_selector(pod, node):
        return [SELECTOR_MISMATCH]
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return [
        f"Insufficient {name}"
        for name, amount in sorted(pod_requests(pod).items())
        if used.get(name, Decimal(0)) + amount > parse_quantity(allocatable.get(name, "0"))
    ]


def used_on(node_name: str, pods: Iterable[KubeObject]) -> dict[str, Decimal]:
    """What the living pods of the node have requested."""
    total: dict[str, Decimal] = {}
    for pod in pods:
        if pod["spec"].get("nodeName") != node_name or pod["status"].get("phase") in ("Succeeded", "Failed"):
            continue
        for name, amount in pod_requests(pod).items():
            total[name] = total.get(name, Decimal(0)) + amount
    return total


def render_unschedulable(pod: KubeObject, rejected: Sequence[tuple[KubeObject, Sequence[str]]]) -> str:
    """The text of FailedScheduling and of PodScheduled=False, as Kubernetes 1.36 writes it."""
    if not rejected:
        return "no nodes available to schedule pods"
    total = len(rejected)
    reasons = Counter(reason for _, reasons in rejected for reason in reasons)
    helpless = Counter(_preemption(pod, node, reasons) for node, reasons in rejected)
    return (
        f"0/{total} nodes are available: {_counted(reasons)}. no new claims to deallocate, "
        f"preemption: 0/{total} nodes are available: {_counted(helpless)}."
    )


def _preemption(pod: KubeObject, node: KubeObject, reasons: Sequence[str]) -> str:
    """Only room that other pods take could be won back by evicting them."""
    if not all(reason.startswith("Insufficient ") for reason in reasons):
        return _NOT_HELPFUL
    fits_alone = not why_not(pod, node, {})
    return _NO_VICTIMS if fits_alone else _NOT_HELPFUL


def _counted(reasons: Mapping[str, Any]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))

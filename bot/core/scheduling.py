"""Which nodes a pod would fit on, were it not for one label: the scheduler's own filters, as far as objects tell.

Kubernetes says "didn't match Pod's node affinity/selector" for any selector, so the text alone never means that
the Kata label is missing (kata-failures.md 1.1). What other pods take up on a node is not counted: the scheduler
does that, and a pod that then finds no room is somebody else's failure. Source: kubernetes/kubernetes
pkg/scheduler/framework/plugins (nodeaffinity, tainttoleration, nodeunschedulable, noderesources).
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.core.objects import (
    Container,
    Node,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    SelectorRequirement,
    Taint,
    Toleration,
)
from bot.core.quantity import parse_quantity

_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def misfit(pod: Pod, node: Node, *, without_label: str) -> str | None:
    """Why the pod would not be scheduled there if its selector did not ask for `without_label`."""
    name = node.metadata.name
    labels = node.metadata.labels or {}
    if node.cordoned and not _tolerated(Taint(key=_UNSCHEDULABLE, effect="NoSchedule"), pod.spec):
        return f"{name} is cordoned"
    for taint in node.spec.taints or ():
        if taint.effect in ("NoSchedule", "NoExecute") and not _tolerated(taint, pod.spec):
            return f"{name} has the taint {taint.key}"
    for key, value in (pod.spec.node_selector or {}).items():
        if key != without_label and labels.get(key) != value:
            return f"{name} lacks {key}={value}"
    if not _affine(pod.spec, node, without_label):
        return f"{name} does not satisfy the pod's node affinity"
    return _no_room(pod.spec, node)


def _tolerated(taint: Taint, spec: PodSpec) -> bool:
    return any(_tolerates(toleration, taint) for toleration in spec.tolerations or ())


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.operator == "Exists":
        return not toleration.key or toleration.key == taint.key
    return toleration.key == taint.key and toleration.value == (taint.value or "")


def _affine(spec: PodSpec, node: Node, without_label: str) -> bool:
    required = spec.affinity and spec.affinity.node_affinity and spec.affinity.node_affinity.required
    if not required:
        return True
    return any(_term_holds(term, node, without_label) for term in required.node_selector_terms or ())


def _term_holds(term: NodeSelectorTerm, node: Node, without_label: str) -> bool:
    labels = node.metadata.labels or {}
    fields = {"metadata.name": node.metadata.name}
    wanted = [r for r in term.match_expressions or () if r.key != without_label]
    return all(_holds(r, labels) for r in wanted) and all(_holds(r, fields) for r in term.match_fields or ())


def _holds(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(requirement.key), requirement.values or ()
    match requirement.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement.operator, value, values)
        case _:
            return False


def _compares(operator: str, value: str | None, values: tuple[str, ...]) -> bool:
    if value is None or len(values) != 1 or not (value.isdecimal() and values[0].isdecimal()):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _no_room(spec: PodSpec, node: Node) -> str | None:
    for resource in ("memory", "cpu"):
        allocatable = (node.status.allocatable or {}).get(resource)
        room = None if allocatable is None else parse_quantity(allocatable)
        if room is not None and (wanted := requested(spec, resource)) > room:
            return f"{node.metadata.name} has {allocatable} of {resource} in all, the pod asks for {wanted:f}"
    return None


def requested(spec: PodSpec, resource: str) -> Decimal:
    """What the scheduler reserves: all containers together or the largest init container, plus the overhead."""
    together = sum((_request(container, resource) for container in spec.containers), Decimal(0))
    largest = max((_request(container, resource) for container in spec.init_containers or ()), default=Decimal(0))
    return max(together, largest) + _amount(spec.overhead, resource)


def _request(container: Container, resource: str) -> Decimal:
    return _amount(container.resources.requests if container.resources else None, resource)


def _amount(amounts: Mapping[str, str | int] | None, resource: str) -> Decimal:
    return parse_quantity((amounts or {}).get(resource, 0)) or Decimal(0)

"""The scheduler: gives each waiting pod a node, or says why none will do and tries again when nodes change."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ..api import NODES, PODS, ApiError, KubeObject, Registry, bind, with_condition
from ..api.clock import render_time
from .conditions import find_condition
from .events import SeriesRecorder
from .placement import render_unschedulable, used_on, why_not

# What of a node decides placement; heartbeats must not make the scheduler try again.
_Shape = tuple[object, ...]


class Scheduler:
    """Level-triggered: `sync` looks at every pod without a node. Pods with `spec.nodeName` never come here."""

    def __init__(self, registry: Registry, host: str = "ncn-m001") -> None:
        self._registry = registry
        self._recorder = SeriesRecorder(registry, "default-scheduler", f"default-scheduler-{host}")
        self._tried: dict[str, _Shape] = {}

    def sync(self) -> float | None:
        """Place what can be placed; a pod that could not is tried again only when the cluster looks different."""
        nodes, pods = self._registry.list(NODES), self._registry.list(PODS)
        waiting = [pod for pod in pods if _is_waiting(pod)]
        for pod in waiting:
            shape = _shape(nodes, pods)
            if self._tried.get(pod["metadata"]["uid"]) == shape:
                continue
            self._tried[pod["metadata"]["uid"]] = shape
            self._place(pod, nodes, pods)
            pods = self._registry.list(PODS)
        alive = {pod["metadata"]["uid"] for pod in waiting}
        self._tried = {uid: shape for uid, shape in self._tried.items() if uid in alive}
        return None

    def _place(self, pod: KubeObject, nodes: Sequence[KubeObject], pods: Sequence[KubeObject]) -> None:
        rejected: list[tuple[KubeObject, list[str]]] = []
        fitting: list[tuple[Decimal, str]] = []
        for node in nodes:
            name = node["metadata"]["name"]
            used = used_on(name, pods)
            reasons = why_not(pod, node, used)
            if reasons:
                rejected.append((node, reasons))
            else:
                fitting.append((used.get("cpu", Decimal(0)), name))
        metadata = pod["metadata"]
        if not fitting:
            self._say_unschedulable(pod, render_unschedulable(pod, rejected))
            return
        chosen = min(fitting)[1]
        try:
            bind(self._registry, metadata["namespace"], metadata["name"], chosen)
        except ApiError:  # gone or bound since we looked
            return
        text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {chosen}"
        self._recorder.record(pod, "Normal", "Scheduled", "Binding", text)

    def _say_unschedulable(self, pod: KubeObject, message: str) -> None:
        condition = {
            "type": "PodScheduled",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": render_time(self._registry.clock()),
            "reason": "Unschedulable",
            "message": message,
        }
        before = find_condition(pod, "PodScheduled")
        if before is not None and before["status"] == "False":
            condition["lastTransitionTime"] = before["lastTransitionTime"]
        if before != condition:
            self._registry.update_status(PODS, pod, with_condition(pod, condition)["status"])
        self._recorder.record(pod, "Warning", "FailedScheduling", "Scheduling", message)


def _is_waiting(pod: KubeObject) -> bool:
    spec, metadata = pod["spec"], pod["metadata"]
    ours = spec.get("schedulerName", "default-scheduler") == "default-scheduler"
    return ours and not spec.get("nodeName") and "deletionTimestamp" not in metadata


def _shape(nodes: Sequence[KubeObject], pods: Sequence[KubeObject]) -> _Shape:
    return tuple(
        (
            node["metadata"]["name"],
            sorted((node["metadata"].get("labels") or {}).items()),
            repr(node.get("spec")),
            repr((node.get("status") or {}).get("allocatable")),
            sorted(used_on(node["metadata"]["name"], pods).items()),
        )
        for node in nodes
    )

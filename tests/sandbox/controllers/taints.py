"""The node lifecycle controller: turns a cordon and a NotReady node into the taints the scheduler reads.

It writes a moment after the cordon, so the node's resourceVersion moves on under whoever cordoned it.
"""

from __future__ import annotations

from ..api import NODES, KubeObject, Registry
from ..api.clock import render_time
from .conditions import find_condition

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NOT_READY = "node.kubernetes.io/not-ready"


class NodeTaints:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def sync(self) -> float | None:
        for node in self._registry.list(NODES):
            self._align(node, UNSCHEDULABLE, bool((node.get("spec") or {}).get("unschedulable")))
            ready = find_condition(node, "Ready")
            self._align(node, NOT_READY, ready is not None and ready["status"] != "True")
        return None

    def _align(self, node: KubeObject, key: str, wanted: bool) -> None:
        name = node["metadata"]["name"]
        taints = (self._registry.get(NODES, name).get("spec") or {}).get("taints") or []
        if wanted == any(taint["key"] == key for taint in taints):
            return
        kept = [taint for taint in taints if taint["key"] != key]
        if wanted:
            kept.append({"key": key, "effect": "NoSchedule", "timeAdded": render_time(self._registry.clock())})
        self._registry.patch(NODES, name, {"spec": {"taints": kept}})

"""The kubelet of one simulated node: a worker per pod, and the node's own status."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

from ..api import NODES, PODS, ApiError, KubeObject, PodLogs, Registry
from ..api.clock import render_time
from .conditions import find_condition, merge_conditions
from .events import EventRecorder
from .loop import run_controller
from .pod_worker import PodWorker, Timing
from .runtime import NodeRuntime

_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
_READY = ("True", "KubeletReady", "kubelet is posting ready status")
_NOT_READY = ("False", "KubeletNotReady", "container runtime is down")


class Kubelet:
    """Run it for as long as the node is on. `patience_s`: how long a dead runtime is forgiven (really 30 s)."""

    def __init__(
        self,
        registry: Registry,
        logs: PodLogs,
        node: str,
        runtime: NodeRuntime,
        timing: Timing | None = None,
        *,
        patience_s: float = 30.0,
        heartbeat_s: float = 300.0,
    ) -> None:
        self._registry = registry
        self._logs = logs
        self._node = node
        self._runtime = runtime
        self._timing = timing or Timing()
        self._patience = timedelta(seconds=patience_s)
        self._heartbeat = timedelta(seconds=heartbeat_s)
        self._recorder = EventRecorder(registry, "kubelet", node)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: asyncio.TaskGroup
        self._last_seen_ready: datetime | None = None
        self._schedulable = True

    async def run(self) -> None:
        """Serve the node until cancelled; its workers end with it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(run_controller(self._registry.store, self))
            tasks.create_task(self._report_node())

    def sync(self) -> float | None:
        """Give each pod of the node its worker, and tell the workers what became of theirs."""
        ours = {pod["metadata"]["uid"]: pod for pod in self._registry.list(PODS) if self._is_ours(pod)}
        for uid, worker in self._workers.items():
            if uid in ours:
                worker.notice(ours[uid])
            else:
                worker.vanish()
        for uid, pod in ours.items():
            if uid not in self._workers and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self._workers[uid] = self._worker(pod)
                self._tasks.create_task(self._run_worker(uid))
        return None

    async def _run_worker(self, uid: str) -> None:
        await self._workers[uid].run()
        del self._workers[uid]

    def _worker(self, pod: KubeObject) -> PodWorker:
        return PodWorker(self._registry, self._recorder, self._logs, self._runtime, pod, self._timing)

    def _is_ours(self, pod: KubeObject) -> bool:
        return bool(pod["spec"].get("nodeName") == self._node)

    async def _report_node(self) -> None:
        while True:
            ready = await self._runtime.ready()
            with contextlib.suppress(ApiError):  # the Node object is gone: the next round sees it
                self._update_node(ready)
            await asyncio.sleep(self._timing.poll_s)

    def _update_node(self, runtime_ready: bool) -> None:
        now = self._registry.clock()
        if runtime_ready or self._last_seen_ready is None:
            self._last_seen_ready = now
        ready = runtime_ready or now - self._last_seen_ready < self._patience
        node = self._registry.get(NODES, self._node)
        self._announce(node, ready)
        before = (node.get("status") or {}).get("conditions") or []
        if before and not self._is_due(node, ready, now):
            return
        moment = render_time(now)
        told = [(kind, "False", reason, text) for kind, reason, text in _PRESSURES]
        told.append(("Ready", *(_READY if ready else _NOT_READY)))
        conditions = [
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": moment,
                "lastTransitionTime": moment,
                "reason": reason,
                "message": text,
            }
            for kind, status, reason, text in told
        ]
        status = {**(node.get("status") or {}), "conditions": merge_conditions(before, conditions)}
        self._registry.update_status(NODES, node, status)

    def _is_due(self, node: KubeObject, ready: bool, now: datetime) -> bool:
        condition = find_condition(node, "Ready")
        if condition is None or (condition["status"] == "True") != ready:
            return True
        return now - datetime.fromisoformat(condition["lastHeartbeatTime"]) >= self._heartbeat

    def _announce(self, node: KubeObject, ready: bool) -> None:
        condition = find_condition(node, "Ready")
        if condition is not None and (condition["status"] == "True") != ready:
            self._say(node, "NodeReady" if ready else "NodeNotReady")
        schedulable = not (node.get("spec") or {}).get("unschedulable", False)
        if schedulable != self._schedulable:
            self._schedulable = schedulable
            self._say(node, "NodeSchedulable" if schedulable else "NodeNotSchedulable")

    def _say(self, node: KubeObject, reason: str) -> None:
        self._recorder.record(node, "Normal", reason, f"Node {self._node} status is now: {reason}")

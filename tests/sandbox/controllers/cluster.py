"""All controllers of one simulated cluster, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

from ..api import ApiServer
from .daemonsets import DaemonSetController
from .jobs import JobController
from .kubelet import Kubelet
from .loop import run_controller
from .pod_worker import Timing
from .runtime import NodeRuntime
from .scheduler import Scheduler
from .taints import NodeTaints


class Cluster:
    """`async with Cluster(server, {"ncn-w001": runtime})`: the server is the caller's to start and stop.

    Node objects must exist; `objects.worker_node` builds them. A controller that dies cancels the block and
    raises: a simulation that silently stops simulating would make tests hang instead of fail.
    """

    def __init__(
        self,
        server: ApiServer,
        runtimes: Mapping[str, NodeRuntime],
        *,
        timing: Timing | None = None,
        patience_s: float = 30.0,
        job_backoff_base_s: float = 1.0,
    ) -> None:
        registry = server.registry
        self._store = registry.store
        self._controllers = (
            JobController(registry, backoff_base_s=job_backoff_base_s),
            DaemonSetController(registry),
            Scheduler(registry),
            NodeTaints(registry),
        )
        self._kubelets = {
            name: Kubelet(registry, server.logs, name, runtime, timing, patience_s=patience_s)
            for name, runtime in runtimes.items()
        }
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Cluster:
        await self._group.__aenter__()
        parts = [run_controller(self._store, each) for each in self._controllers]
        parts += [kubelet.run() for kubelet in self._kubelets.values()]
        self._tasks = [self._group.create_task(part) for part in parts]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

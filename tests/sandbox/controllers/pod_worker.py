"""One pod on one node, from binding to end: what a kubelet's pod worker does.

It asks the node for a sandbox until it gets one, and never gives up: after a repair the same pod starts by
itself. All it knows of the node comes through `NodeRuntime`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

from ..api import NODES, PODS, RUNTIMECLASSES, ApiError, DeleteOptions, KubeObject, PodLogs, Registry
from ..api.clock import render_time
from .behaviour import behaviour_of, is_unpullable, log_text, termination_message
from .container_events import tell_failed_pull, tell_killing, tell_pull_backoff, tell_started
from .events import EventRecorder
from .placement import SELECTOR_MISMATCH, matches_selector
from .pod_status import Progress, Stage, render_rejection, render_status
from .runtime import NodeRuntime, SandboxFailed, SandboxStarted

_SANDBOX_PREFIX = "Failed to create pod sandbox: "
_KILLED = 137
_CONTAINERS_LOST = 255
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. Real kubelets retry a sandbox every 11 to 15 s; the sandbox shortens that, and says so."""

    sandbox_retry_s: float = 2.0
    init_s: float = 0.1
    run_s: float = 1.0
    stop_s: float = 0.1
    poll_s: float = 0.5


class PodGone(Exception):
    """The pod was removed, or marked for deletion, while its worker was at it."""


class PodWorker:
    """`run` once per pod uid. The watch of the kubelet calls `notice` whenever the pod object changes."""

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        logs: PodLogs,
        runtime: NodeRuntime,
        pod: KubeObject,
        timing: Timing,
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._logs = logs
        self._runtime = runtime
        self._pod = pod
        self._timing = timing
        self._ending = asyncio.Event()
        now = render_time(registry.clock())
        self._progress = Progress(Stage.NO_SANDBOX, now, _address(registry, pod), now)
        self.notice(pod)

    def notice(self, pod: KubeObject) -> None:
        """The object changed; a deletion ends whatever the worker is waiting for."""
        self._pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._ending.set()

    def vanish(self) -> None:
        """The object is gone from the API (a forced deletion)."""
        self._ending.set()

    async def run(self) -> None:
        """Bring the pod up, let it run, and carry out its end."""
        try:
            if not self._admitted():
                await self._ending.wait()
            else:
                started = await self._start_sandbox()
                await self._run_containers(started)
                await self._ending.wait()
        except PodGone:
            pass
        await self._end()

    def _admitted(self) -> bool:
        node = self._registry.get(NODES, self._pod["spec"]["nodeName"])
        if matches_selector(self._pod, node):
            return True
        message = f"Predicate NodeAffinity failed: {SELECTOR_MISMATCH}"
        self._recorder.record(self._pod, "Warning", "NodeAffinity", message)
        self._write(render_rejection("NodeAffinity", message, self._progress.started))
        return False

    async def _start_sandbox(self) -> SandboxStarted:
        self._report()
        while True:
            outcome = await self._unless_ending(self._try_sandbox())
            if isinstance(outcome, SandboxStarted):
                return outcome
            self._recorder.record(
                self._pod, "Warning", "FailedCreatePodSandBox", _SANDBOX_PREFIX + outcome.message
            )
            await self._sleep(self._timing.sandbox_retry_s)

    async def _try_sandbox(self) -> SandboxStarted | SandboxFailed:
        name = self._pod["spec"].get("runtimeClassName")
        handler: str | None = None
        if name is not None:
            found = self._registry.store.find(RUNTIMECLASSES, ("", name))
            if found is None:
                return SandboxFailed(f'runtimeclass.node.k8s.io "{name}" not found')
            handler = found["handler"]
        annotations = self._pod["metadata"].get("annotations") or {}
        return await self._runtime.run_pod_sandbox(handler, annotations, self._pod)

    async def _run_containers(self, started: SandboxStarted) -> None:
        uid = self._pod["metadata"]["uid"]
        self._report(stage=Stage.INITIALISING, pod_ip=f"10.42.1.{int(uid[:2], 16)}")
        for index, container in enumerate(self._pod["spec"].get("initContainers") or ()):
            await self._pull(container)
            tell_started(self._recorder, self._pod, container, "initContainers")
            self._report(running_since=self._now())
            self._logs.write(self._pod, container["name"], "")
            await self._sleep(self._timing.init_s)
            self._report(init_done=index + 1)
        for container in self._pod["spec"]["containers"]:
            await self._pull(container)
            tell_started(self._recorder, self._pod, container, "containers")
            self._logs.write(self._pod, container["name"], log_text(container, started.kernel_release))
        self._report(stage=Stage.RUNNING, running_since=self._now())
        await self._let_run(started)

    async def _let_run(self, started: SandboxStarted) -> None:
        behaviour = behaviour_of(self._pod, self._timing.run_s)
        forever = self._pod["spec"]["restartPolicy"] == "Always"
        left_s = float("inf") if forever else behaviour.run_s
        while left_s > 0:
            step_s = min(left_s, self._timing.poll_s)
            await self._sleep(step_s)
            left_s -= step_s
            alive = await self._runtime.sandbox_running(self._pod["metadata"]["uid"])
            if not alive and not forever:
                self._report(stage=Stage.FAILED, exit_code=_CONTAINERS_LOST, exit_reason="Error")
                return
        messages = {
            each["name"]: termination_message(each, started.kernel_release)
            for each in self._pod["spec"]["containers"]
        }
        self._report(
            stage=Stage.FAILED if behaviour.exit_code else Stage.SUCCEEDED,
            exit_code=behaviour.exit_code,
            exit_reason=behaviour.exit_reason,
            messages=messages,
        )
        await self._runtime.stop_pod_sandbox(self._pod["metadata"]["uid"])

    async def _pull(self, container: KubeObject) -> None:
        """Return at once for an image that can be had; else fail to pull it until the pod is deleted."""
        if not is_unpullable(container):
            return
        while True:
            self._report(waiting=tell_failed_pull(self._recorder, self._pod, container))
            await self._sleep(self._timing.sandbox_retry_s)
            self._report(waiting=tell_pull_backoff(self._recorder, self._pod, container))
            await self._sleep(self._timing.sandbox_retry_s)

    async def _end(self) -> None:
        """Stop what runs, leave a final status, and take the object away as the kubelet does."""
        await self._runtime.stop_pod_sandbox(self._pod["metadata"]["uid"])
        if self._current()["status"].get("phase") not in ("Succeeded", "Failed"):
            if self._progress.stage is Stage.RUNNING:
                for container in self._pod["spec"]["containers"]:
                    tell_killing(self._recorder, self._pod, container)
                await asyncio.sleep(self._timing.stop_s)
            self._report(stage=Stage.FAILED, exit_code=_KILLED, exit_reason="Error", waiting=None)
        metadata = self._pod["metadata"]
        try:
            gone = DeleteOptions(grace_s=0, uid=metadata["uid"])
            self._registry.delete(PODS, metadata["name"], metadata["namespace"], gone)
        except ApiError:  # already gone, or another pod has its name
            return

    def _report(self, **changes: object) -> None:
        self._progress = replace(self._progress, now=self._now(), **changes)  # type: ignore[arg-type]
        self._write(render_status(self._current(), self._progress))

    def _write(self, status: KubeObject) -> None:
        try:
            self._pod = self._registry.update_status(PODS, self._current(), status)
        except ApiError:  # removed by force between two looks: the watch says so in a moment
            return

    def _current(self) -> KubeObject:
        metadata = self._pod["metadata"]
        found = self._registry.store.find(PODS, (metadata["namespace"], metadata["name"]))
        return found if found is not None and found["metadata"]["uid"] == metadata["uid"] else self._pod

    async def _sleep(self, seconds: float) -> None:
        """Sleep, or raise `PodGone` as soon as the pod is to end."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return
        raise PodGone

    async def _unless_ending(self, work: Awaitable[_T]) -> _T:
        """Await `work`, but not beyond the end of the pod (a Kata start can hang for minutes)."""
        doing = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait((doing, ending), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise PodGone
            return doing.result()
        finally:
            for task in (doing, ending):
                task.cancel()

    def _now(self) -> str:
        return render_time(self._registry.clock())


def _address(registry: Registry, pod: KubeObject) -> str:
    node = registry.get(NODES, pod["spec"]["nodeName"])
    for address in (node.get("status") or {}).get("addresses") or ():
        if address["type"] == "InternalIP":
            found: str = address["address"]
            return found
    return "127.0.0.1"

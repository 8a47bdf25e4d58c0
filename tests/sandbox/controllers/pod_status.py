"""The statuses a kubelet writes while a pod comes up, runs and ends: pure, in the shapes of 1.36's.

A pod that hangs without a sandbox is the one that matters: phase Pending, `PodReadyToStartContainers` False,
containers waiting as ContainerCreating (PodInitializing behind init containers) with no message at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ..api import KubeObject
from .conditions import merge_conditions


class Stage(Enum):
    """How far a pod has come on its node."""

    NO_SANDBOX = "no sandbox"
    INITIALISING = "sandbox there, init containers run"
    RUNNING = "main containers run"
    SUCCEEDED = "ended well"
    FAILED = "ended badly"


@dataclass(frozen=True, slots=True)
class Progress:
    """A pod's stage with what its statuses name: times as rendered, addresses, how it ended.

    `init_done` counts finished init containers. `waiting` overrides the reason and message of the main
    containers (image trouble). `messages` are termination messages by container.
    """

    stage: Stage
    now: str
    host_ip: str
    started: str
    pod_ip: str = ""
    init_done: int = 0
    running_since: str = ""
    exit_code: int = 0
    exit_reason: str = "Completed"
    messages: Mapping[str, str] | None = None
    waiting: tuple[str, str] | None = None


def render_status(pod: KubeObject, progress: Progress) -> KubeObject:
    """The whole `status` of the pod at that point, conditions merged with those it has."""
    spec, old = pod["spec"], pod["status"]
    init, main = spec.get("initContainers") or [], spec["containers"]
    status: KubeObject = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": _PHASES[progress.stage],
        "conditions": merge_conditions(old.get("conditions") or (), _conditions(pod, progress)),
        "hostIP": progress.host_ip,
        "hostIPs": [{"ip": progress.host_ip}],
        "startTime": progress.started,
        "qosClass": old.get("qosClass", "BestEffort"),
    }
    if progress.pod_ip:
        status.update(podIP=progress.pod_ip, podIPs=[{"ip": progress.pod_ip}])
    if init:
        status["initContainerStatuses"] = [
            _init_status(pod, each, index, progress) for index, each in enumerate(init)
        ]
    status["containerStatuses"] = [_main_status(pod, each, bool(init), progress) for each in main]
    return status


def render_rejection(reason: str, message: str, started: str) -> KubeObject:
    """The status of a pod that the kubelet does not admit."""
    return {"phase": "Failed", "reason": reason, "message": f"Pod was rejected: {message}", "startTime": started}


_PHASES: Mapping[Stage, str] = {
    Stage.NO_SANDBOX: "Pending",
    Stage.INITIALISING: "Pending",
    Stage.RUNNING: "Running",
    Stage.SUCCEEDED: "Succeeded",
    Stage.FAILED: "Failed",
}


def _conditions(pod: KubeObject, progress: Progress) -> list[KubeObject]:
    stage, spec = progress.stage, pod["spec"]
    init = [each["name"] for each in spec.get("initContainers") or ()]
    main = [each["name"] for each in spec["containers"]]
    has_sandbox = stage in (Stage.INITIALISING, Stage.RUNNING)
    initialised = stage in (Stage.RUNNING, Stage.SUCCEEDED) or progress.init_done >= len(init)
    over = {Stage.SUCCEEDED: "PodCompleted", Stage.FAILED: "PodFailed"}.get(stage, "")
    not_ready = (over, "") if over else ("ContainersNotReady", f"containers with unready status: {_names(main)}")
    not_initialised = ("ContainersNotInitialized", f"containers with incomplete status: {_names(init)}")
    done = ("PodCompleted", "") if stage is Stage.SUCCEEDED else ("", "")
    return [
        _condition(pod, progress, "PodReadyToStartContainers", has_sandbox),
        _condition(pod, progress, "Initialized", initialised, *(done if initialised else not_initialised)),
        *(
            _condition(
                pod, progress, kind, stage is Stage.RUNNING, *(("", "") if stage is Stage.RUNNING else not_ready)
            )
            for kind in ("Ready", "ContainersReady")
        ),
        _condition(pod, progress, "PodScheduled", True),
    ]


def _condition(
    pod: KubeObject, progress: Progress, kind: str, holds: bool, reason: str = "", message: str = ""
) -> KubeObject:
    condition: KubeObject = {
        "type": kind,
        "observedGeneration": pod["metadata"].get("generation", 1),
        "status": "True" if holds else "False",
        "lastProbeTime": None,
        "lastTransitionTime": progress.now,
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _init_status(pod: KubeObject, container: KubeObject, index: int, progress: Progress) -> KubeObject:
    before = _ended(pod, "initContainerStatuses", container)
    if before is not None:
        return before
    waiting = {"waiting": {"reason": "PodInitializing"}}
    if index < progress.init_done:
        since = progress.running_since or progress.now
        return _container(pod, container, _terminated(pod, container, since, progress.now, 0, "Completed", ""))
    if progress.stage is Stage.INITIALISING and index == progress.init_done and progress.running_since:
        return _container(pod, container, {"running": {"startedAt": progress.running_since}})
    return _container(pod, container, waiting)


def _main_status(pod: KubeObject, container: KubeObject, behind_init: bool, progress: Progress) -> KubeObject:
    before = _ended(pod, "containerStatuses", container)
    if before is not None:
        return before
    if progress.waiting is not None:
        reason, message = progress.waiting
        return _container(pod, container, {"waiting": {"reason": reason, "message": message}})
    if progress.stage is Stage.RUNNING:
        return _container(pod, container, {"running": {"startedAt": progress.running_since}})
    if progress.stage in (Stage.SUCCEEDED, Stage.FAILED) and progress.running_since:
        message = (progress.messages or {}).get(container["name"], "")
        ended = _terminated(
            pod,
            container,
            progress.running_since,
            progress.now,
            progress.exit_code,
            progress.exit_reason,
            message,
        )
        return _container(pod, container, ended)
    return _container(
        pod, container, {"waiting": {"reason": "PodInitializing" if behind_init else "ContainerCreating"}}
    )


def _ended(pod: KubeObject, part: str, container: KubeObject) -> KubeObject | None:
    """The status of a container that is over already: it never changes again."""
    for status in pod["status"].get(part) or ():
        if status["name"] == container["name"] and "terminated" in status["state"]:
            found: KubeObject = status
            return found
    return None


def _container(pod: KubeObject, container: KubeObject, state: KubeObject) -> KubeObject:
    existed = "waiting" not in state
    status: KubeObject = {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": "running" in state or (state.get("terminated") or {}).get("exitCode") == 0,
        "restartCount": 0,
        "image": container["image"],
        "imageID": f"sha256:{_digest(container['image'])}" if existed else "",
        "started": "running" in state,
    }
    if existed:
        status["containerID"] = _container_id(pod, container)
    return status


def _terminated(
    pod: KubeObject, container: KubeObject, since: str, until: str, exit_code: int, reason: str, message: str
) -> KubeObject:
    terminated: KubeObject = {
        "exitCode": exit_code,
        "reason": reason,
        "startedAt": since,
        "finishedAt": until,
        "containerID": _container_id(pod, container),
    }
    if message:
        terminated["message"] = message
    return {"terminated": terminated}


def _container_id(pod: KubeObject, container: KubeObject) -> str:
    return f"containerd://{_digest(pod['metadata']['uid'] + container['name'])}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _names(names: Sequence[str]) -> str:
    return f"[{' '.join(names)}]"

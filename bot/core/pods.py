"""How far a pod has come, from its own status, on every Kubernetes release that CSM ran (1.21 to 1.32 and later).

`PodReadyToStartContainers` (1.29; `PodHasNetwork` before) says plainly whether there is a sandbox. Where it
is missing, an address or a container that ever ran says the same.
"""

from datetime import datetime

from bot.core.objects import ContainerState, Pod

_SANDBOX_CONDITIONS = ("PodReadyToStartContainers", "PodHasNetwork")
_BEFORE_SANDBOX = frozenset({None, "", "ContainerCreating", "PodInitializing"})


def has_sandbox(pod: Pod) -> bool:
    """Whether the pod is past the stage at which Kata can refuse it."""
    if pod.status.phase in ("Running", "Succeeded"):
        return True
    for kind in _SANDBOX_CONDITIONS:
        if (condition := pod.status.condition(kind)) is not None:
            return condition.status == "True"
    return bool(pod.status.pod_ip) or any(_ran(status.state) for status in pod.status.all_containers)


def is_live(pod: Pod) -> bool:
    """Neither finished nor being deleted, and waiting to start or running."""
    return pod.metadata.deletion_timestamp is None and pod.status.phase in ("Pending", "Running")


def is_ready(pod: Pod) -> bool:
    condition = pod.status.condition("Ready")
    return pod.metadata.deletion_timestamp is None and condition is not None and condition.status == "True"


def daemonset_of(pod: Pod) -> str | None:
    """`namespace/name` of the DaemonSet that controls the pod."""
    owners = pod.metadata.owner_references or ()
    names = (owner.name for owner in owners if owner.controller and owner.kind == "DaemonSet")
    return next((f"{pod.metadata.namespace}/{name}" for name in names), None)


def bound_at(pod: Pod) -> datetime | None:
    """Since when it waits for its sandbox on its node (UTC); `None` while it has no node."""
    if not pod.spec.node_name:
        return None
    scheduled = pod.status.condition("PodScheduled")
    stamps = [scheduled.last_transition_time if scheduled else None, pod.status.start_time]
    for kind in _SANDBOX_CONDITIONS:
        condition = pod.status.condition(kind)
        stamps.append(condition.last_transition_time if condition else None)
    known = [stamp for stamp in stamps if stamp is not None]
    return max(known, default=pod.metadata.creation_timestamp)


def _ran(state: ContainerState | None) -> bool:
    if state is None:
        return False
    if state.terminated is not None:
        # what an evicted pod gets for containers that never were
        return state.terminated.reason != "ContainerStatusUnknown"
    return state.running is not None or (state.waiting is not None and state.waiting.reason not in _BEFORE_SANDBOX)

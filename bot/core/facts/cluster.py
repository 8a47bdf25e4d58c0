"""What the API says about a target, read live before every decision (never from the watch's cache)."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.model import Target
from bot.core.moments import EPOCH
from bot.core.objects import Event, Job, Node, Pod, RuntimeClass


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """One consistent-enough look at the API. `None` means "asked for and not there"; unread is an error."""

    cluster_uid: str
    """UID of the namespace kube-system: the cluster's identity in a digest."""
    node: Node | None
    """The target node; `None` for a cluster-scoped target and before a node was chosen."""
    runtime_class: RuntimeClass | None
    workers: tuple[Node, ...]
    """Every Node whose name matches `nodes.name_pattern`."""
    pods_on_node: tuple[Pod, ...]
    """All pods bound to the target node, in every namespace."""
    rescued: tuple[Pod, ...]
    """The IMS pods that this incident wants to see run, as they are now; gone ones are missing."""
    rescued_jobs: tuple[Job, ...]
    """Their Jobs, or the Jobs whose pods were never admitted."""
    canary: Pod | None
    """Our canary pod for this incident, by its name."""
    canary_events: tuple[Event, ...]
    """Warning Events about the canary, by its uid; empty while there is no canary."""
    rescued_events: tuple[Event, ...]
    """Warning Events about the pods and Jobs to rescue, by their uids."""

    @property
    def heard(self) -> datetime:
        """The newest stamp of `rescued_events`, by the cluster's clocks; EPOCH when nothing was said."""
        return max((event.at for event in self.rescued_events), default=EPOCH)


@dataclass(frozen=True, slots=True)
class Reads:
    """What to read from the API for one round of facts."""

    target: Target
    runtime_class: str
    canary: tuple[str, str] | None = None
    """(namespace, name)."""
    pods: tuple[tuple[str, str], ...] = ()
    """(namespace, name) of the pods to rescue."""
    jobs: tuple[tuple[str, str], ...] = ()

"""The parts of Kubernetes objects that we read, and nothing else.

Watch lines are decoded straight into these structs (msgspec skips every other field), so `core` never sees a
raw dict. Field names on the wire are the API's own camelCase. Absent and null fields take the empty default
where Kubernetes itself means the same by both.

Source: k8s.io/api core/v1, batch/v1, node/v1, coordination/v1.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Struct, field

KATA_LABEL = "katacontainers.io/kata-runtime"
"""Set to "true" on nodes that can run Kata; the RuntimeClass selects on it (seed procedure)."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""Kubernetes writes all times with their zone (RFC 3339, in UTC)."""


class Obj(Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True, gc=False):
    """Wire names are camelCase; unknown fields are skipped.

    Not tracked by the garbage collector, which shortens its full pass over 10,000 cached pods from 180 to 50 ms;
    objects of the API hold no cycles.
    """


class OwnerReference(Obj, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(Obj, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: Moment | None = None
    deletion_timestamp: Moment | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None

    def label(self, key: str) -> str | None:
        return (self.labels or {}).get(key)

    def annotation(self, key: str) -> str | None:
        return (self.annotations or {}).get(key)


class EnvVar(Obj, frozen=True):
    name: str = ""
    value: str | None = None


class ResourceRequirements(Obj, frozen=True):
    requests: dict[str, str | int] | None = None


class Container(Obj, frozen=True):
    name: str = ""
    image: str = ""
    env: tuple[EnvVar, ...] | None = None
    resources: ResourceRequirements | None = None


class Toleration(Obj, frozen=True):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class SelectorRequirement(Obj, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class NodeSelectorTerm(Obj, frozen=True):
    match_expressions: tuple[SelectorRequirement, ...] | None = None
    match_fields: tuple[SelectorRequirement, ...] | None = None


class NodeSelector(Obj, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] | None = None


class NodeAffinity(Obj, frozen=True):
    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Obj, frozen=True):
    node_affinity: NodeAffinity | None = None


class PodSpec(Obj, frozen=True):
    node_name: str | None = None
    runtime_class_name: str | None = None
    node_selector: dict[str, str] | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] | None = None
    tolerations: tuple[Toleration, ...] | None = None
    overhead: dict[str, str | int] | None = None
    affinity: Affinity | None = None

    @property
    def all_containers(self) -> tuple[Container, ...]:
        return (*(self.init_containers or ()), *(self.containers or ()))


class Condition(Obj, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: Moment | None = None
    last_heartbeat_time: Moment | None = None


class WaitingState(Obj, frozen=True):
    reason: str | None = None
    message: str | None = None


class RunningState(Obj, frozen=True):
    started_at: Moment | None = None


class TerminatedState(Obj, frozen=True):
    exit_code: int = 0
    reason: str | None = None
    message: str | None = None


class ContainerState(Obj, frozen=True):
    waiting: WaitingState | None = None
    running: RunningState | None = None
    terminated: TerminatedState | None = None


class ContainerStatus(Obj, frozen=True):
    name: str = ""
    state: ContainerState | None = None


class PodStatus(Obj, frozen=True):
    phase: str = ""
    reason: str | None = None
    message: str | None = None
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    start_time: Moment | None = None
    pod_ip: str | None = field(default=None, name="podIP")

    @property
    def all_containers(self) -> tuple[ContainerStatus, ...]:
        return (*(self.init_container_statuses or ()), *(self.container_statuses or ()))

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions or () if c.type == kind), None)


class Pod(Obj, frozen=True):
    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(Obj, frozen=True):
    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class JobSpec(Obj, frozen=True):
    template: PodTemplate = PodTemplate()


class JobStatus(Obj, frozen=True):
    active: int | None = None
    failed: int | None = None
    completion_time: Moment | None = None
    conditions: tuple[Condition, ...] | None = None


class Job(Obj, frozen=True):
    metadata: Meta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def finished(self) -> bool:
        """Complete or Failed with status True (batch/v1)."""
        ends = {"Complete", "Failed"}
        return any(c.type in ends and c.status == "True" for c in self.status.conditions or ())

    @property
    def failed(self) -> bool:
        return any(c.type == "Failed" and c.status == "True" for c in self.status.conditions or ())


class Taint(Obj, frozen=True):
    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(Obj, frozen=True):
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None


class NodeAddress(Obj, frozen=True):
    type: str
    address: str


class NodeInfo(Obj, frozen=True):
    architecture: str = ""
    container_runtime_version: str = ""
    boot_id: str = field(default="", name="bootID")


class RuntimeHandlerInfo(Obj, frozen=True):
    name: str = ""


class NodeStatus(Obj, frozen=True):
    conditions: tuple[Condition, ...] | None = None
    addresses: tuple[NodeAddress, ...] | None = None
    node_info: NodeInfo = NodeInfo()
    allocatable: dict[str, str | int] | None = None
    runtime_handlers: tuple[RuntimeHandlerInfo, ...] | None = None

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions or () if c.type == kind), None)


class Node(Obj, frozen=True):
    metadata: Meta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def cordoned(self) -> bool:
        return bool(self.spec.unschedulable)

    @property
    def ready(self) -> bool:
        condition = self.status.condition("Ready")
        return condition is not None and condition.status == "True"

    @property
    def kata_labelled(self) -> bool:
        return self.metadata.label(KATA_LABEL) == "true"

    def advertises(self, handler: str) -> bool:
        """Whether the kubelet reports the handler. Not reporting it proves nothing (containerd 1.x never does)."""
        return any(h.name == handler for h in self.status.runtime_handlers or ())

    @property
    def internal_ip(self) -> str | None:
        return next((a.address for a in self.status.addresses or () if a.type == "InternalIP"), None)


class Overhead(Obj, frozen=True):
    pod_fixed: dict[str, str | int] | None = None


class Scheduling(Obj, frozen=True):
    node_selector: dict[str, str] | None = None


class RuntimeClass(Obj, frozen=True):
    metadata: Meta
    handler: str = ""
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None


class ObjectReference(Obj, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class EventSource(Obj, frozen=True):
    component: str = ""
    host: str = ""


class EventSeries(Obj, frozen=True):
    count: int | None = None
    last_observed_time: Moment | None = None


class Event(Obj, frozen=True):
    metadata: Meta
    involved_object: ObjectReference = ObjectReference()
    reason: str | None = ""
    message: str | None = ""
    type: str | None = ""
    source: EventSource | None = None
    reporting_component: str | None = ""
    reporting_instance: str | None = ""
    last_timestamp: Moment | None = None
    event_time: Moment | None = None
    series: EventSeries | None = None
    count: int | None = None

    @property
    def at(self) -> datetime:
        """When it was last seen (UTC): the newest of the four stamps (kata-failures.md 2)."""
        stamps = (
            self.series.last_observed_time if self.series else None,
            self.last_timestamp,
            self.event_time,
            self.metadata.creation_timestamp,
        )
        return max((s for s in stamps if s is not None), default=datetime.fromtimestamp(0, UTC))


class LeaseSpec(Obj, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Obj, frozen=True):
    metadata: Meta
    spec: LeaseSpec = LeaseSpec()


Watched = Event | Pod | Job | Node | RuntimeClass
"""The kinds of which a watch is kept (design.md 4.1)."""


class Observed(Struct, frozen=True, gc=False):
    """One thing that the watch said."""

    object: Watched
    deleted: bool = False
    initial: bool = False
    """From a list, not from the watch."""


RawObject = dict[str, Any]
"""A whole API object as we send it; only `adapters/kube` and the builders of our own objects use it."""

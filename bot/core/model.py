"""The words of design.md 2 as types: what an incident is about, what was seen, what is planned, who answered.

Everything that the journal keeps is a frozen msgspec Struct, so that writing and reading it back is one call.
"""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Struct

IncidentId = NewType("IncidentId", str)
"""Eight lower-case letters and digits; part of unit, pod and annotation names."""

Digest = NewType("Digest", str)
"""sha256 (64 hex digits) of a plan's canonical JSON (design.md 4.3)."""


class Family(StrEnum):
    """The class that a failure belongs to (design.md 4.2)."""

    RUNTIMECLASS_MISSING = "runtimeclass-missing"
    HANDLER_NOT_CONFIGURED = "handler-not-configured"
    SHIM_MISSING = "shim-missing"
    KATA_CONFIG_MISSING = "kata-config-missing"
    KATA_ARTIFACT_MISSING = "kata-artifact-missing"
    UNSCHEDULABLE_LABEL = "unschedulable-label"
    ANNOTATION_NOT_ENABLED = "annotation-not-enabled"
    SHIM_BROKEN = "shim-broken"
    KATA_CONFIG_INVALID = "kata-config-invalid"
    HYPERVISOR_UNSUPPORTED = "hypervisor-unsupported"
    GUEST_FAILURE = "guest-failure"
    CONTAINERD_DOWN = "containerd-down"
    CONTAINERD_CONFIG_BROKEN = "containerd-config-broken"
    AMBIGUOUS = "ambiguous"
    UNRELATED = "unrelated"


class Scope(StrEnum):
    """What a repair of the family touches: an API object, the pod's node, or a node that policy picks."""

    CLUSTER = "cluster"
    NODE = "node"
    CHOOSE_NODE = "choose-node"


class Verb(StrEnum):
    """What a step does, as rules allow it and cards say it; the modules of `bot/steps` that do it name theirs.

    Several may share one (`verify_*`); `record` is that of `close_records`.
    """

    INSTALL = "install"
    LINK = "link"
    CONFIGURE = "configure"
    TUNE = "tune"
    RUNTIMECLASS = "runtimeclass"
    CORDON = "cordon"
    RESTART = "restart"
    VERIFY = "verify"
    LABEL = "label"
    UNCORDON = "uncordon"
    RECORD = "record"


class Disruption(StrEnum):
    """What a step disturbs on its node, in rising order."""

    NONE = "none"
    RESTART_KEEPS = "restart keeps containers"
    RESTART_KILLS = "restart kills containers"
    DRAIN = "drain"


class Result(StrEnum):
    """How a closed incident ended."""

    HEALED = "healed"
    UNPROVEN = "unproven"
    RESTORED = "restored"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    DIAGNOSED = "diagnosed"


class Consent(StrEnum):
    """Whether a rule's repair needs a person."""

    REQUIRED = "required"
    NONE = "none"


class Mode(StrEnum):
    """How far the bot may go, of configuration, rule or pool of nodes; the strictest wins (`core/mode`)."""

    OBSERVE = "observe"
    """Look, say what it would do, and change nothing: nobody is asked, and no answer is taken."""
    APPROVE = "approve"
    """Ask, and do what was approved."""


class TargetKind(StrEnum):
    NODE = "node"
    RUNTIMECLASS = "runtimeclass"
    CHOOSE_NODE = "choose-node"


class NodeRef(Struct, frozen=True):
    name: str
    uid: str


class Target(Struct, frozen=True):
    """What an incident is about. Its fingerprint is the target, never the signature."""

    kind: TargetKind
    name: str
    """Node name, or RuntimeClass name."""
    uid: str = ""
    """UID of the Node; empty for a RuntimeClass, which may not exist."""

    @property
    def fingerprint(self) -> str:
        return f"{self.kind}:{self.uid or self.name}"

    @property
    def node(self) -> NodeRef | None:
        return NodeRef(self.name, self.uid) if self.kind is TargetKind.NODE else None


class Sighting(Struct, frozen=True):
    """One piece of evidence: what was seen on which object, and which rule named it."""

    family: Family
    rule: str
    kind: str
    """Pod, Job, Node."""
    namespace: str
    name: str
    uid: str
    job: str
    """IMS job id, or empty."""
    job_name: str
    """Name of the Kubernetes Job, or empty."""
    runtime_class: str
    message: str
    """The cluster's words, cut and with control characters shown as codes."""
    at: datetime
    blocked: str = ""
    """Why these very words must not lead to a repair, although their family may."""


class PlannedStep(Struct, frozen=True):
    """A step as people and the journal see it; `spec` is what `bot.steps.decode` turns back into the step."""

    verb: Verb
    name: str
    """Unique within the plan: the verb, or the verb and a part ("install-stage")."""
    title: str
    """Imperative, one line: "merge the handlers kata and kata-qemu into /etc/containerd/config.toml"."""
    why: str
    """The fact that asks for it, one line."""
    detail: tuple[str, ...]
    """The commands and changes, one per line, for the card's thread and the terminal."""
    diff: tuple[str, ...]
    """Added lines and table headers only, secrets masked (invariant 13)."""
    disruption: Disruption
    desired: str
    """Canonical JSON of the desired end state: the step's part of the digest (design.md 4.3)."""
    spec: str
    """JSON of the step itself, with everything resolved that it needs (invariant 11)."""


class Plan(Struct, frozen=True):
    """The ordered steps that an incident needs now."""

    target: Target
    cluster_uid: str
    steps: tuple[PlannedStep, ...]
    digest: Digest
    families: tuple[Family, ...]
    disturbs: tuple[str, ...] = ()
    """What it disturbs, one line each, for the card; not part of the digest."""
    not_checked: tuple[str, ...] = ()
    """"kvm: the sandbox has none" per waived check."""
    dies: tuple[str, ...] = ()
    """Jobs that would die, approved beside the digest; a new member asks again."""
    notes: tuple[str, ...] = ()
    """Warnings and remarks for the card: a foreign `kata` kept, runners-up of a node choice."""
    approval: Consent = Consent.REQUIRED
    """The strictest of the matched rules; resolved here, so that a change of rules changes no repair in flight."""
    observed: tuple[str, ...] = ()
    """Who says that this is only observed, one line each (`core/mode`); empty: it may be asked and carried out."""

    @property
    def disruption(self) -> Disruption:
        order = list(Disruption)
        return max((s.disruption for s in self.steps), key=order.index, default=Disruption.NONE)


class Blocker(Struct, frozen=True):
    """A reason to wait or refuse, able to say why (design.md 2)."""

    check: str
    """Its name, as in `checks.waive`: "kvm", "foreign-cordon"."""
    why: str
    until: datetime | None = None
    """When it may pass by itself; `None` when a person must act."""


class Diagnosis(Struct, frozen=True):
    """Why nothing is repaired, and what a person should do."""

    family: Family
    why: str
    blockers: tuple[Blocker, ...] = ()
    guidance: tuple[str, ...] = ()


class CardRef(Struct, frozen=True):
    """Where a card lies: Slack channel id and message ts."""

    channel: str
    ts: str


class Actor(Struct, frozen=True):
    """Who answered, as can be proven later (what-users-ask.md 5)."""

    via: str
    """slack, cli or bot."""
    user: str
    """Slack user id, or the peer's uid and name on the control socket."""
    team: str = ""
    evidence: str = ""
    """Slack: action_ts, message_ts and envelope id; cli: pid."""

"""The algebra of a step: what it may ask the runner to do next (design.md 3).

A step is a pure function from facts to one `Action`. The runner loops: ask the step, journal the intent, do it,
journal the outcome, read the facts again, ask again. Check and verify are the same question; undo is a plan of
the same algebra. Everything here can be written into the journal.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bot.core.fate import JobFate


class Command(Struct, frozen=True):
    """One mutating command for a node. It runs as a named transient unit (design.md invariant 6)."""

    key: str
    """Names the command within its step ("unpack"); part of the unit's name, so `[a-z0-9-]`."""
    argv: tuple[str, ...]
    """Quoted in one place, by the SSH adapter; never a shell line made of foreign text."""
    timeout_s: int
    """The unit's own bound (RuntimeMaxSec): it ends by itself when nobody is left to end it."""
    purpose: str
    """One line for card and journal, in the imperative: "unpack kata-static 3.17.0 beside /opt/kata"."""
    stdin: str = ""
    """A program or text for the command, at most 256 KiB; journaled, so never a secret."""


class CreateRuntimeClass(Struct, frozen=True, tag="create-runtimeclass"):
    """Create when absent. An existing one is never changed: `handler` is immutable, and it may be another's."""

    name: str
    handler: str
    overhead: dict[str, str]
    node_selector: dict[str, str]


class SetCordon(Struct, frozen=True, tag="set-cordon"):
    """Cordon (and annotate with the incident) or uncordon (only while the annotation names the incident)."""

    node: str
    node_uid: str
    incident: str
    cordoned: bool


class SetLabel(Struct, frozen=True, tag="set-label"):
    """Set the Kata label to "true" with our annotation, or give back what the annotation says was there."""

    node: str
    node_uid: str
    incident: str
    labelled: bool


class CreateCanary(Struct, frozen=True, tag="create-canary"):
    """The canary pod, pinned by `nodeName`, of the RuntimeClass that is being proven."""

    namespace: str
    name: str
    node: str
    runtime_class: str
    incident: str
    image: str
    deadline_s: int
    cpu: str
    memory: str
    image_pull_policy: str = "IfNotPresent"


class DeleteCanary(Struct, frozen=True, tag="delete-canary"):
    """Delete the canary pod by name; gone already is as good."""

    namespace: str
    name: str


class RestartDaemonSet(Struct, frozen=True, tag="restart-daemonset"):
    """Roll a DaemonSet's pods anew, as `kubectl rollout restart` does.

    `occasion` becomes an annotation of its pod template: the same one again changes nothing.
    """

    namespace: str
    name: str
    occasion: str


class ImsRecord(Struct, frozen=True):
    """A job's record in IMS, and the Kubernetes Job that it is about."""

    id: str
    job: str


class CloseRecords(Struct, frozen=True, tag="close-records"):
    """Set the status of IMS job records to `error`; those that have ended stay as they are."""

    records: tuple[ImsRecord, ...]


ClusterChange = CreateRuntimeClass | SetCordon | SetLabel | CreateCanary | DeleteCanary | RestartDaemonSet
"""Through the Kubernetes API."""

ApiChange = ClusterChange | CloseRecords


class Verdict(StrEnum):
    """What a verification showed (design.md 4.1 hop 8). Only `disproven` undoes a repair."""

    PROVEN = "proven"
    DISPROVEN = "disproven"
    INCONCLUSIVE = "inconclusive"


class Done(Struct, frozen=True, tag="done"):
    """The step's end state is there; `evidence` says how that is known, in one line."""

    evidence: str
    verdict: Verdict | None = None
    jobs: tuple[JobFate, ...] | None = None
    """What became of the jobs that the repair is for, as far as the step has looked."""


class Run(Struct, frozen=True, tag="run"):
    command: Command


class Api(Struct, frozen=True, tag="api"):
    change: ApiChange
    purpose: str


class Wait(Struct, frozen=True, tag="wait"):
    """Nothing to do yet. Ask again when the cluster says something new, after `poll_s`, at the latest at `until`.

    A step must answer something else than `Wait` once `until` has passed.
    """

    until: datetime
    why: str
    poll_s: float = 2.0


class Fail(Struct, frozen=True, tag="fail"):
    """The step cannot reach its end state. The plan stops here and its undo runs (design.md invariant 9).

    It stands where the design's algebra has `Ask(question)`: a question in the middle of a repair would leave its
    node half-way until somebody answers, and an answer belongs to one plan digest. All is asked before the start.
    """

    why: str
    verdict: Verdict | None = None


Action = Done | Run | Api | Wait | Fail


class OutcomeKind(StrEnum):
    """How a command or change ended, as far as we know."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """The node or the object has seen a newer holder (epoch), or a person took over."""
    UNKNOWN = "unknown"
    """The node rebooted, or the unit's record is torn: never repeated blindly; the facts are read first."""


class Outcome(Struct, frozen=True):
    kind: OutcomeKind
    exit_code: int | None = None
    output: str = ""
    """The tail of stdout and stderr, masked and cut (design.md invariant 13)."""

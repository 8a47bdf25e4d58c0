"""The journal's records. An incident is only ever the fold of its entries (design.md invariant 3).

Every entry is a frozen Struct with a tag; `FORMAT` is written beside each of them. A record of an unknown format
or tag is never skipped: the incident is held and a person is told, because a program that forgets an entry could
do a step twice.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from bot.core.action import ApiChange, Command, Outcome, Verdict
from bot.core.drift import Drift
from bot.core.fate import JobFate
from bot.core.model import (
    Actor,
    CardRef,
    Diagnosis,
    Digest,
    NodeRef,
    Plan,
    PlannedStep,
    Result,
    Sighting,
    Target,
)

FORMAT = 1


class Record(Struct, frozen=True, tag_field="entry", kw_only=True):
    at: datetime
    """UTC wall time."""


class Swept(Struct, frozen=True):
    """Which sweep found the target, and what on it."""

    sweep: str
    digest: str
    """Which digest card tells of it."""
    drifts: tuple[Drift, ...]


class Opened(Record, frozen=True, tag="opened"):
    target: Target
    sighting: Sighting | None
    """`None` when a person asked for it (`imsbot repair`)."""
    actor: Actor | None = None
    swept: Swept | None = None
    """Set when a sweep opened it: then it is unasked from its first entry on."""


class Sighted(Record, frozen=True, tag="sighted"):
    """A further pod, job or family of the same target joined."""

    sighting: Sighting


class Unasked(Record, frozen=True, tag="unasked"):
    """Open without a question of its own: part of a storm, or tried too often, until a person picks it."""

    why: str
    storm: str = ""
    """Which storm, if that is why: incidents of one storm share one card."""


class Picked(Record, frozen=True, tag="picked"):
    """A person picked an unasked incident, or asked again after a quiet end."""

    actor: Actor


class Chosen(Record, frozen=True, tag="chosen"):
    """A choose-node incident got its node; from now on that node is the target."""

    node: NodeRef
    why: str
    runners_up: tuple[str, ...]


class Diagnosed(Record, frozen=True, tag="diagnosed"):
    diagnosis: Diagnosis


class Planned(Record, frozen=True, tag="planned"):
    plan: Plan
    changed: tuple[str, ...] = ()
    """What changed against the plan that was asked before; empty for the first."""


class CardPosted(Record, frozen=True, tag="card-posted"):
    ref: CardRef


class Asked(Record, frozen=True, tag="asked"):
    """The question was delivered; expiry counts from here."""

    digest: Digest
    expires_at: datetime


class Reminded(Record, frozen=True, tag="reminded"):
    pass


class Answered(Record, frozen=True, tag="answered"):
    actor: Actor
    approve: bool
    digest: Digest


class Started(Record, frozen=True, tag="started"):
    """The Lease is held, the blockers and the plan were looked at again, the node knows the epoch."""

    epoch: int
    holder: str
    skipped: tuple[str, ...] = ()
    """Names of approved steps that the facts do not ask for any more; counts before the first act only."""


class Suspended(Record, frozen=True, tag="suspended"):
    """A pause of the bot stopped the repair before its next command; its node stays as it is."""

    why: str
    until: datetime
    """When it is held, unless the pause ends before."""


class Continued(Record, frozen=True, tag="continued"):
    """The pause is over. What it took counts for no step's patience."""


class StepBegan(Record, frozen=True, tag="step-began"):
    name: str
    undo: bool = False
    heard: datetime | None = None
    """The newest stamp of what the cluster had said of the hanging jobs until then, where that was read."""


class Intended(Record, frozen=True, tag="intended"):
    """Written before the act. `unit` names the node's transient unit and is never used twice."""

    seq: int
    step: str
    key: str
    purpose: str
    unit: str = ""
    command: Command | None = None
    change: ApiChange | None = None


class Ended(Record, frozen=True, tag="ended"):
    seq: int
    outcome: Outcome


class StepEnded(Record, frozen=True, tag="step-ended"):
    name: str
    evidence: str
    verdict: Verdict | None = None
    undo: bool = False
    jobs: tuple[JobFate, ...] | None = None


class Failed(Record, frozen=True, tag="failed"):
    """The plan stopped at this step; the undo follows."""

    step: str
    why: str
    verdict: Verdict | None = None


class AbortAsked(Record, frozen=True, tag="abort-asked"):
    actor: Actor


class UndoPlanned(Record, frozen=True, tag="undo-planned"):
    steps: tuple[PlannedStep, ...]
    release: bool = False
    """True when a person released a held node: only what is ours is given back."""


class Held(Record, frozen=True, tag="held"):
    why: str


class ReleaseAsked(Record, frozen=True, tag="release-asked"):
    actor: Actor


class Closed(Record, frozen=True, tag="closed"):
    result: Result
    why: str
    """One or two sentences for the card: what happened and what the job's owner must do."""


Entry = (
    Opened
    | Sighted
    | Unasked
    | Picked
    | Chosen
    | Diagnosed
    | Planned
    | CardPosted
    | Asked
    | Reminded
    | Answered
    | Started
    | Suspended
    | Continued
    | StepBegan
    | Intended
    | Ended
    | StepEnded
    | Failed
    | AbortAsked
    | UndoPlanned
    | Held
    | ReleaseAsked
    | Closed
)


@dataclass(frozen=True, slots=True)
class History:
    """What the journal holds of one incident."""

    entries: tuple[Entry, ...]
    unknown: str = ""
    """Set when a record is of a format that this program does not know: hold, and tell a person."""


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """One JSON object with the tag under `entry`."""
    return _encoder.encode(entry)


def decode(line: bytes) -> Entry:
    """Raises msgspec.ValidationError or msgspec.DecodeError for anything that this program does not know."""
    return _decoder.decode(line)

"""From entries to an incident, and from an incident to its next hop (design.md 4.1).

`fold` never fails on entries that `decode` accepted: the journal is the truth, even where it surprises.
`decide` is what a start of the program asks after reading the journal, so a killed bot goes on where it was.
Neither of them knows the world: facts, Leases and people come in through the engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bot.core import entries as e
from bot.core.action import Outcome, Verdict
from bot.core.model import (
    Actor,
    CardRef,
    Diagnosis,
    Family,
    IncidentId,
    Mode,
    NodeRef,
    Plan,
    PlannedStep,
    Result,
    Sighting,
    Target,
    TargetKind,
)


class Phase(StrEnum):
    """Where an incident stands between opened and closed."""

    OPENED = "opened"
    """Facts and plan are wanted."""
    UNASKED = "unasked"
    PLANNED = "planned"
    """There is a plan; its question was not delivered yet."""
    ASKED = "asked"
    APPROVED = "approved"
    RUNNING = "running"
    UNDOING = "undoing"
    HELD = "held"
    CLOSED = "closed"


class Hop(StrEnum):
    """What the worker does next."""

    PLAN = "plan"
    ASK = "ask"
    AWAIT_ANSWER = "await-answer"
    REMIND = "remind"
    EXPIRE = "expire"
    REASK = "reask"
    START = "start"
    ACT = "act"
    UNDO = "undo"
    CLOSE = "close"
    REST = "rest"
    """Nothing to do by itself: unasked, held or closed."""


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step of the plan or of the undo, as far as it has come."""

    planned: PlannedStep
    state: StepState = StepState.WAITING
    began: datetime | None = None
    ended: datetime | None = None
    evidence: str = ""
    verdict: Verdict | None = None
    acts: tuple[e.Intended, ...] = ()
    outcomes: tuple[tuple[int, Outcome], ...] = ()
    """(seq, outcome) of its ended acts."""

    @property
    def pending(self) -> e.Intended | None:
        """The act whose outcome is not known: it may be running on the node this very moment."""
        ended = {seq for seq, _ in self.outcomes}
        return next((act for act in self.acts if act.seq not in ended), None)


@dataclass(frozen=True, slots=True)
class Incident:
    """One repair of one target: the fold of its entries."""

    id: IncidentId
    target: Target
    phase: Phase
    opened_at: datetime
    changed_at: datetime
    sightings: tuple[Sighting, ...] = ()
    plan: Plan | None = None
    plans_made: int = 0
    """How many plans there were: an answer counts for one of them."""
    changed: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    chosen: e.Chosen | None = None
    card: CardRef | None = None
    asked: e.Asked | None = None
    reminded: bool = False
    answer: e.Answered | None = None
    starts: tuple[e.Started, ...] = ()
    steps: tuple[StepProgress, ...] = ()
    undo: tuple[StepProgress, ...] = ()
    release: bool = False
    failure: e.Failed | None = None
    abort: Actor | None = None
    held: str = ""
    unasked: str = ""
    requested_by: Actor | None = None
    last_seq: int = 0
    closed: e.Closed | None = None
    echoes: int = 0
    """Sightings that stayed quiet after the end; counted in memory, shown on the old card."""

    @property
    def families(self) -> tuple[Family, ...]:
        return tuple(dict.fromkeys(s.family for s in self.sightings))

    def serves(self, runtime_class: str) -> bool:
        """Whether one of its sightings asked for this RuntimeClass."""
        return any(s.runtime_class == runtime_class for s in self.sightings)

    @property
    def open(self) -> bool:
        return self.phase is not Phase.CLOSED

    @property
    def result(self) -> Result | None:
        return self.closed.result if self.closed else None

    @property
    def moving(self) -> tuple[StepProgress, ...]:
        """The steps that the runner works on: the undo's once there is one."""
        return self.undo if self.phase is Phase.UNDOING or self.undo else self.steps

    @property
    def current(self) -> StepProgress | None:
        """The first step that is not done; `None` when all are."""
        return next((s for s in self.moving if s.state is not StepState.DONE), None)

    @property
    def acted(self) -> tuple[str, ...]:
        """Names of the plan's steps that announced at least one act: what an undo must look at."""
        return tuple(s.planned.name for s in self.steps if s.acts)

    @property
    def verdict(self) -> Verdict | None:
        """The weakest verdict of the verifications so far."""
        verdicts = [s.verdict for s in self.steps if s.verdict]
        if self.failure and self.failure.verdict:
            verdicts.append(self.failure.verdict)
        order = [Verdict.DISPROVEN, Verdict.INCONCLUSIVE, Verdict.PROVEN]
        return min(verdicts, key=order.index, default=None)


def fold(incident_id: IncidentId, records: Iterable[e.Entry]) -> Incident:
    """Raises ValueError when the first record does not open the incident."""
    iterator = iter(records)
    first = next(iterator, None)
    if not isinstance(first, e.Opened):
        raise ValueError(f"incident {incident_id}: its first record is not 'opened'")
    incident = Incident(
        id=incident_id,
        target=first.target,
        phase=Phase.OPENED,
        opened_at=first.at,
        changed_at=first.at,
        sightings=(first.sighting,) if first.sighting else (),
        requested_by=first.actor,
    )
    for record in iterator:
        incident = advance(incident, record)
    return incident


def advance(incident: Incident, record: e.Entry) -> Incident:
    """The incident after one more record."""
    return replace(_apply(incident, record), changed_at=record.at)


def _apply(i: Incident, record: e.Entry) -> Incident:  # noqa: C901 - one arm per entry, and the compiler counts them
    match record:
        case e.Opened():
            return i
        case e.Sighted(sighting=sighting):
            return replace(i, sightings=(*i.sightings, sighting))
        case e.Unasked(why=why):
            return replace(i, phase=Phase.UNASKED, unasked=why)
        case e.Picked(actor=actor):
            return replace(i, phase=Phase.OPENED, unasked="", requested_by=actor)
        case e.Chosen(node=node):
            return replace(i, chosen=record, target=_node_target(node))
        case e.Diagnosed(diagnosis=diagnosis):
            return replace(i, diagnosis=diagnosis)
        case e.Planned():
            return _planned(i, record)
        case e.CardPosted(ref=ref):
            return replace(i, card=ref)
        case e.Asked():
            return replace(i, phase=Phase.ASKED, asked=record, reminded=False)
        case e.Reminded():
            return replace(i, reminded=True)
        case e.Answered():
            return replace(i, answer=record, phase=Phase.APPROVED if record.approve else i.phase)
        case e.Started():
            phase = Phase.UNDOING if i.phase is Phase.UNDOING else Phase.RUNNING
            return replace(i, phase=phase, starts=(*i.starts, record))
        case e.StepBegan() | e.Intended() | e.Ended() | e.StepEnded():
            return _progressed(i, record)
        case e.Failed():
            return _failed(i, record)
        case e.AbortAsked(actor=actor):
            return replace(i, abort=actor)
        case e.UndoPlanned(steps=steps, release=release):
            undo = tuple(StepProgress(step) for step in steps)
            return replace(i, phase=Phase.UNDOING, undo=undo, release=release, held="")
        case e.Held(why=why):
            return replace(i, phase=Phase.HELD, held=why)
        case e.ReleaseAsked():
            return i
        case e.Closed():
            return replace(i, phase=Phase.CLOSED, closed=record)
        case _:
            assert_never(record)


def _node_target(node: NodeRef) -> Target:
    return Target(TargetKind.NODE, node.name, node.uid)


def _planned(i: Incident, record: e.Planned) -> Incident:
    """A new plan supersedes every answer to an earlier one."""
    steps = tuple(StepProgress(step) for step in record.plan.steps)
    return replace(
        i,
        phase=Phase.PLANNED,
        plan=record.plan,
        plans_made=i.plans_made + 1,
        changed=record.changed,
        steps=steps,
        asked=None,
        answer=None,
    )


def _failed(i: Incident, record: e.Failed) -> Incident:
    def mark(step: StepProgress) -> StepProgress:
        if step.planned.name != record.step or step.state is StepState.DONE:
            return step
        return replace(step, state=StepState.FAILED, ended=record.at, evidence=record.why)

    return replace(i, failure=i.failure or record, steps=tuple(map(mark, i.steps)), undo=tuple(map(mark, i.undo)))


def _progressed(i: Incident, record: e.StepBegan | e.Intended | e.Ended | e.StepEnded) -> Incident:
    steps = tuple(_step_after(step, record) for step in i.moving)
    last_seq = max(i.last_seq, record.seq) if isinstance(record, e.Intended) else i.last_seq
    if i.moving is i.undo:
        return replace(i, undo=steps, last_seq=last_seq)
    return replace(i, steps=steps, last_seq=last_seq)


def _step_after(step: StepProgress, record: e.StepBegan | e.Intended | e.Ended | e.StepEnded) -> StepProgress:
    match record:
        case e.StepBegan(name=name) if name == step.planned.name:
            return replace(step, state=StepState.RUNNING, began=step.began or record.at)
        case e.Intended(step=name) if name == step.planned.name:
            return replace(step, acts=(*step.acts, record))
        case e.Ended(seq=seq, outcome=outcome) if any(act.seq == seq for act in step.acts):
            return replace(step, outcomes=(*step.outcomes, (seq, outcome)))
        case e.StepEnded(name=name) if name == step.planned.name:
            return replace(
                step, state=StepState.DONE, ended=record.at, evidence=record.evidence, verdict=record.verdict
            )
        case _:
            return step


def decide(i: Incident, now: datetime, *, remind_at: float, start_within_s: float) -> Hop:
    """The next hop. `remind_at` is the part of the time to answer after which people are reminded."""
    if i.diagnosis is not None and i.open and not i.starts:
        return Hop.CLOSE
    match i.phase:
        case Phase.OPENED:
            return Hop.PLAN
        case Phase.PLANNED:
            assert i.plan is not None
            return Hop.START if i.plan.approval is Mode.NONE else Hop.ASK
        case Phase.ASKED:
            return _decide_asked(i, now, remind_at)
        case Phase.APPROVED:
            assert i.answer is not None
            late = (now - i.answer.at).total_seconds() > start_within_s
            return Hop.REASK if late else Hop.START
        case Phase.RUNNING:
            return Hop.UNDO if i.failure or i.abort else Hop.ACT
        case Phase.UNDOING:
            return Hop.UNDO
        case Phase.UNASKED | Phase.HELD | Phase.CLOSED:
            return Hop.REST
        case _:
            assert_never(i.phase)


def _decide_asked(i: Incident, now: datetime, remind_at: float) -> Hop:
    assert i.asked is not None
    if i.answer is not None:
        return Hop.CLOSE
    if now >= i.asked.expires_at:
        return Hop.EXPIRE
    if not i.reminded and now >= reminder_at(i.asked, remind_at):
        return Hop.REMIND
    return Hop.AWAIT_ANSWER


def reminder_at(asked: e.Asked, part: float) -> datetime:
    return asked.at + (asked.expires_at - asked.at) * part

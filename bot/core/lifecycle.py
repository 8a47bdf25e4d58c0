"""From entries to an incident, and from an incident to its next hop (design.md 4.1).

`fold` never fails on entries that `decode` accepted: the journal is the truth, even where it surprises.
`decide` is what a start of the program asks after reading the journal, so a killed bot goes on where it was.
Neither of them knows the world: facts, Leases and people come in through the engine.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from bot.core import entries as e
from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import (
    Consent,
    IncidentId,
    NodeRef,
    Target,
    TargetKind,
)


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
    RELEASE = "release"
    CLOSE = "close"
    REST = "rest"
    """Nothing to do by itself: unasked, closed, or held and not yet time to remind."""


def fold(incident_id: IncidentId, records: Iterable[e.Entry]) -> Incident:
    """Raises ValueError when the first record does not open the incident."""
    iterator = iter(records)
    first = next(iterator, None)
    if not isinstance(first, e.Opened):
        raise ValueError(f"incident {incident_id}: its first record is not 'opened'")
    incident = Incident(
        id=incident_id,
        target=first.target,
        phase=Phase.OPENED if first.swept is None else Phase.UNASKED,
        unasked="" if first.swept is None else "a sweep found that it drifted",
        swept=first.swept,
        opened_at=first.at,
        changed_at=first.at,
        began_with=first.sighting.family if first.sighting else None,
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
            seen = replace(i, sightings=(*i.sightings, sighting))
            return replace(seen, phase=Phase.OPENED, unasked="") if i.rests else seen
        case e.Unasked(why=why, storm=storm):
            return replace(i, phase=Phase.UNASKED, unasked=why, storm=storm)
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
            return replace(i, reminded=True, reminders=i.reminders + 1, told_at=record.at)
        case e.Answered():
            return _answered(i, record)
        case e.Started():
            return _started(i, record)
        case e.Suspended():
            return replace(i, suspended=record)
        case e.Continued():
            return _continued(i, record)
        case e.StepBegan() | e.Intended() | e.Ended() | e.StepEnded():
            return _progressed(i, record)
        case e.Failed():
            return _failed(i, record)
        case e.AbortAsked(actor=actor):
            return replace(i, abort=actor)
        case e.UndoPlanned(steps=steps, release=release):
            undo = tuple(StepProgress(step) for step in steps)
            return replace(i, phase=Phase.UNDOING, undo=undo, release=release, held="", suspended=None)
        case e.Held(why=why):
            return replace(i, phase=Phase.HELD, held=why, release=False, told_at=record.at, suspended=None)
        case e.ReleaseAsked():
            return replace(i, release=True)
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


def _started(i: Incident, record: e.Started) -> Incident:
    """Every start that has touched nothing yet decides anew which of the approved steps are needed."""
    steps = i.steps
    if not i.touched:
        fresh = (StepProgress(step.planned) for step in i.steps)
        steps = tuple(_skipped(s, record) if s.planned.name in record.skipped else s for s in fresh)
    phase = Phase.UNDOING if i.phase is Phase.UNDOING else Phase.RUNNING
    return replace(i, phase=phase, starts=(*i.starts, record), steps=steps)


def _continued(i: Incident, record: e.Continued) -> Incident:
    """A step's patience is counted from its beginning, and does not run out while it must not act."""
    stood = record.at - i.suspended.at if i.suspended else timedelta()

    def later(step: StepProgress) -> StepProgress:
        if step.state is not StepState.RUNNING or step.began is None:
            return step
        return replace(step, began=step.began + stood)

    return replace(i, suspended=None, steps=tuple(map(later, i.steps)))


def _skipped(step: StepProgress, record: e.Started) -> StepProgress:
    return replace(step, state=StepState.DONE, ended=record.at, evidence="not needed any more")


def _answered(i: Incident, record: e.Answered) -> Incident:
    """An answer counts for the plan that it names. One that crossed a new plan is history, and no more."""
    if i.plan is None or record.digest != i.plan.digest:
        return i
    return replace(i, answer=record, phase=Phase.APPROVED if record.approve else i.phase)


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
            began, heard = (step.began, step.heard) if step.began else (record.at, record.heard)
            return replace(step, state=StepState.RUNNING, began=began, heard=heard)
        case e.Intended(step=name) if name == step.planned.name:
            return replace(step, acts=(*step.acts, record))
        case e.Ended(seq=seq, outcome=outcome) if any(act.seq == seq for act in step.acts):
            return replace(step, outcomes=(*step.outcomes, (seq, outcome)))
        case e.StepEnded(name=name) if name == step.planned.name:
            return replace(
                step,
                state=StepState.DONE,
                ended=record.at,
                evidence=record.evidence,
                verdict=record.verdict,
                jobs=record.jobs,
            )
        case _:
            return step


def decide(i: Incident, now: datetime, *, remind_at: float, start_within_s: float, held_reminder_s: float) -> Hop:
    """The next hop. `remind_at` is the part of the time to answer after which people are reminded."""
    if (i.diagnosis is not None or i.abort is not None) and i.open and not i.touched:
        return Hop.CLOSE
    match i.phase:
        case Phase.OPENED:
            return Hop.PLAN
        case Phase.PLANNED:
            return _decide_planned(i)
        case Phase.ASKED:
            return _decide_asked(i, now, remind_at)
        case Phase.APPROVED:
            return _decide_start(i, now, start_within_s)
        case Phase.RUNNING:
            return _decide_running(i, now, start_within_s)
        case Phase.UNDOING:
            return Hop.UNDO
        case Phase.HELD:
            return _decide_held(i, now, held_reminder_s)
        case Phase.UNASKED | Phase.CLOSED:
            return Hop.REST
        case _:
            assert_never(i.phase)


def _decide_planned(i: Incident) -> Hop:
    assert i.plan is not None
    if i.plan.observed:
        return Hop.CLOSE  # nobody is asked
    if i.answer is not None:
        return Hop.CLOSE  # denied by another door before the question was delivered
    return Hop.START if i.plan.approval is Consent.NONE else Hop.ASK


def _decide_start(i: Incident, now: datetime, start_within_s: float) -> Hop:
    late = i.answer is not None and (now - i.answer.at).total_seconds() > start_within_s
    return Hop.REASK if late else Hop.START


def _decide_running(i: Incident, now: datetime, start_within_s: float) -> Hop:
    if i.failure or i.abort:
        return Hop.UNDO
    # As long as nothing was touched, everything is looked at again: days may have passed since the start.
    return Hop.ACT if i.touched else _decide_start(i, now, start_within_s)


def _decide_held(i: Incident, now: datetime, reminder_s: float) -> Hop:
    if i.release:
        return Hop.RELEASE
    return Hop.REMIND if (now - (i.told_at or i.changed_at)).total_seconds() >= reminder_s else Hop.REST


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

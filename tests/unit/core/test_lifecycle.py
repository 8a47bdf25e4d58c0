"""Incidents are the fold of their entries, and every fold says what comes next."""

import pytest

from bot.core import entries as e
from bot.core.action import Command, Outcome, OutcomeKind, Verdict
from bot.core.incident import Incident, Phase, StepState
from bot.core.lifecycle import Hop, decide, fold
from bot.core.model import Diagnosis, Family, NodeRef, Result, Target, TargetKind, Verb
from tests.unit.core.samples import ID, NODE, PERSON, T0, answered, asked, at, opened, plan, sighting, step

COMMAND = Command(key="merge", argv=("true",), timeout_s=5, purpose="merge")
PLANNED = e.Planned(at=T0, plan=plan(Verb.CONFIGURE, Verb.RESTART))
STARTED = e.Started(at=at(3), epoch=1, holder="journal")


def next_hop(incident: Incident, after_s: float = 3) -> Hop:
    return decide(incident, at(after_s), remind_at=0.75, start_within_s=900, held_reminder_s=3600)


def intended(seq: int, name: str = "configure") -> e.Intended:
    return e.Intended(at=at(4), seq=seq, step=name, key="merge", purpose="merge", unit="u", command=COMMAND)


@pytest.mark.parametrize(
    ("records", "phase", "hop"),
    [
        ([], Phase.OPENED, Hop.PLAN),
        ([e.Unasked(at=T0, why="storm")], Phase.UNASKED, Hop.REST),
        ([e.Unasked(at=T0, why="storm"), e.Picked(at=T0, actor=PERSON)], Phase.OPENED, Hop.PLAN),
        ([e.Diagnosed(at=T0, diagnosis=Diagnosis(Family.GUEST_FAILURE, "why"))], Phase.OPENED, Hop.CLOSE),
        ([PLANNED], Phase.PLANNED, Hop.ASK),
        ([PLANNED, asked()], Phase.ASKED, Hop.AWAIT_ANSWER),
        ([PLANNED, asked(), answered()], Phase.APPROVED, Hop.START),
        ([PLANNED, asked(), answered(approve=False)], Phase.ASKED, Hop.CLOSE),
        ([PLANNED, asked(), answered(), PLANNED], Phase.PLANNED, Hop.ASK),
        ([PLANNED, asked(), answered(), STARTED], Phase.RUNNING, Hop.START),
        ([PLANNED, asked(), answered(), STARTED, intended(1)], Phase.RUNNING, Hop.ACT),
        (
            [PLANNED, asked(), answered(), STARTED, e.Failed(at=T0, step="configure", why="x")],
            Phase.RUNNING,
            Hop.UNDO,
        ),
        ([PLANNED, asked(), answered(), STARTED, e.AbortAsked(at=T0, actor=PERSON)], Phase.RUNNING, Hop.CLOSE),
        (
            [PLANNED, asked(), answered(), STARTED, intended(1), e.AbortAsked(at=T0, actor=PERSON)],
            Phase.RUNNING,
            Hop.UNDO,
        ),
        ([PLANNED, asked(), answered(), STARTED, e.UndoPlanned(at=T0, steps=())], Phase.UNDOING, Hop.UNDO),
        (
            [PLANNED, asked(), answered(), STARTED, e.UndoPlanned(at=T0, steps=()), STARTED],
            Phase.UNDOING,
            Hop.UNDO,
        ),
        ([PLANNED, asked(), answered(), STARTED, e.Held(at=T0, why="x")], Phase.HELD, Hop.REST),
        ([PLANNED, e.Held(at=T0, why="x"), e.ReleaseAsked(at=T0, actor=PERSON)], Phase.HELD, Hop.RELEASE),
        ([PLANNED, asked(), answered(approve=False, digest="e" * 64)], Phase.ASKED, Hop.AWAIT_ANSWER),
        ([PLANNED, asked(), answered(digest="e" * 64)], Phase.ASKED, Hop.AWAIT_ANSWER),
        ([PLANNED, answered(approve=False)], Phase.PLANNED, Hop.CLOSE),
        ([e.Closed(at=T0, result=Result.WITHDRAWN, why="x")], Phase.CLOSED, Hop.REST),
    ],
)
def test_every_history_has_one_next_hop(records: list[e.Entry], phase: Phase, hop: Hop) -> None:
    incident = fold(ID, [opened(), *records])
    assert (phase, hop) == (incident.phase, next_hop(incident))


def test_time_reminds_once_then_expires_and_never_approves() -> None:
    incident = fold(ID, [opened(), PLANNED, asked(after_s=0)])
    assert Hop.AWAIT_ANSWER is next_hop(incident, 74)
    assert Hop.REMIND is next_hop(incident, 75)
    reminded = fold(ID, [opened(), PLANNED, asked(after_s=0), e.Reminded(at=at(75))])
    assert Hop.AWAIT_ANSWER is next_hop(reminded, 99)
    assert Hop.EXPIRE is next_hop(reminded, 100)


def test_an_approval_that_waited_too_long_is_asked_again() -> None:
    incident = fold(ID, [opened(), PLANNED, asked(), answered(after_s=2)])
    assert Hop.START is next_hop(incident, 902)
    assert Hop.REASK is next_hop(incident, 903)


def test_an_act_without_outcome_is_pending_and_its_number_is_never_used_again() -> None:
    begun = [opened(), PLANNED, asked(), answered(), STARTED, e.StepBegan(at=at(4), name="configure"), intended(1)]
    incident = fold(ID, begun)
    assert incident.current is not None
    assert intended(1) == incident.current.pending
    assert incident.last_seq == 1
    ended = fold(ID, [*begun, e.Ended(at=at(5), seq=1, outcome=Outcome(OutcomeKind.OK, 0))])
    assert ended.current is not None
    assert ended.current.pending is None
    assert ended.acted == ("configure",)


def test_steps_advance_in_order_and_the_weakest_verdict_counts() -> None:
    incident = fold(
        ID,
        [
            opened(),
            PLANNED,
            asked(),
            answered(),
            STARTED,
            e.StepBegan(at=at(4), name="configure"),
            e.StepEnded(at=at(5), name="configure", evidence="merged", verdict=Verdict.INCONCLUSIVE),
            e.StepBegan(at=at(6), name="restart"),
            e.StepEnded(at=at(7), name="restart", evidence="handler live", verdict=Verdict.PROVEN),
        ],
    )
    assert [s.state for s in incident.steps] == [StepState.DONE, StepState.DONE]
    assert incident.current is None
    assert Verdict.INCONCLUSIVE is incident.verdict


def test_what_was_heard_when_a_step_began_is_not_forgotten_and_an_old_journal_knows_none() -> None:
    began = [opened(), PLANNED, asked(), answered(), STARTED, e.StepBegan(at=at(4), name="configure", heard=at(3))]
    again = fold(ID, [*began, e.StepBegan(at=at(9), name="configure", heard=at(8))])
    assert again.current is not None
    assert (at(4), at(3)) == (again.current.began, again.current.heard)
    old = e.decode(b'{"entry":"step-began","at":"2026-11-24T03:00:04Z","name":"configure","undo":false}')
    assert isinstance(old, e.StepBegan)
    assert old.heard is None


def test_an_undo_moves_its_own_steps_and_leaves_the_plans_as_they_were() -> None:
    undo = e.UndoPlanned(at=at(6), steps=(step(Verb.UNCORDON),))
    incident = fold(
        ID,
        [
            opened(),
            PLANNED,
            asked(),
            answered(),
            STARTED,
            e.StepBegan(at=at(4), name="configure"),
            intended(1),
            e.Failed(at=at(5), step="configure", why="exit 1"),
            undo,
            e.StepBegan(at=at(7), name="uncordon", undo=True),
            intended(2, "uncordon"),
        ],
    )
    assert [s.state for s in incident.steps] == [StepState.FAILED, StepState.WAITING]
    assert incident.current is not None
    assert (incident.current.planned.name, incident.last_seq) == ("uncordon", 2)
    assert incident.acted == ("configure",)


def test_a_choose_node_incident_becomes_one_of_its_node() -> None:
    target = Target(TargetKind.CHOOSE_NODE, "kata-qemu")
    chosen = e.Chosen(at=T0, node=NodeRef("ncn-w001", "uid-w001"), why="most memory", runners_up=())
    incident = fold(ID, [e.Opened(at=T0, target=target, sighting=sighting()), chosen])
    assert incident.target == NODE


def test_every_entry_survives_the_way_to_the_journal_and_back() -> None:
    records: list[e.Entry] = [
        opened(),
        e.Sighted(at=T0, sighting=sighting(Family.SHIM_MISSING)),
        PLANNED,
        asked(),
        answered(),
        STARTED,
        intended(1),
        e.Ended(at=T0, seq=1, outcome=Outcome(OutcomeKind.UNKNOWN)),
        e.UndoPlanned(at=T0, steps=(step(Verb.UNCORDON),), release=True),
        e.Closed(at=T0, result=Result.HEALED, why="x"),
    ]
    assert records == [e.decode(e.encode(record)) for record in records]


def test_a_history_that_does_not_open_is_refused() -> None:
    with pytest.raises(ValueError, match="first record"):
        fold(ID, [PLANNED])

"""Whatever the journal holds, in whatever order: it can be drawn, Slack takes it, and it harms nobody."""

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind, Verdict
from bot.core.model import Actor, Blocker, Consent, Diagnosis, Family, NodeRef, Plan, Result
from bot.core.pause import Door, Halt, Paused, Unclear
from bot.views.card import render_card
from bot.views.storm_card import render_storm
from tests.unit.views import stories as s
from tests.unit.views.slack_rules import assert_harmless, assert_slack_takes

NASTY = ["<!channel>", "`", "```", "&", ":tada:", "<@U1>", "\u202e", "\n", "*", "_", "~", "\x00", "ab ", "|", ">"]
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(NASTY), max_size=40).map("".join),
    st.sampled_from(["&" * 4096, "\u202e" * 2000, "`" * 5000]),
)
TEXTS = st.lists(TEXT, max_size=20).map(tuple)
TIME = st.integers(0, 10**6).map(s.at)
BASE = s.small_plan()
NAMES = st.sampled_from([step.name for step in BASE.steps])
SEQ = st.integers(1, 6)


def plan_of(text: str, texts: tuple[str, ...], count: int, approval: Consent, observed: bool) -> Plan:
    steps = tuple(
        msgspec.structs.replace(step, title=text, why=text, detail=texts, diff=texts)
        for step in BASE.steps[:count]
    )
    return msgspec.structs.replace(
        BASE,
        steps=steps,
        disturbs=texts,
        dies=texts,
        notes=texts,
        not_checked=texts,
        approval=approval,
        observed=texts if observed else (),
    )


PLANS = st.builds(plan_of, TEXT, TEXTS, st.integers(0, 8), st.sampled_from(Consent), st.booleans())
SIGHTINGS = st.builds(
    lambda family, text, job: msgspec.structs.replace(s.sighting(family, text), name=text, job=job, job_name=text),
    st.sampled_from(Family),
    TEXT,
    TEXT,
)
DIAGNOSES = st.builds(
    Diagnosis,
    st.sampled_from(Family),
    TEXT,
    st.lists(st.builds(Blocker, TEXT, TEXT), max_size=20).map(tuple),
    TEXTS,
)
OUTCOMES = st.builds(Outcome, st.sampled_from(OutcomeKind), st.none() | st.integers(0, 255), TEXT)
ACTORS = st.sampled_from([s.MIRA, s.ROOT])
DIGEST = st.just(BASE.digest)
VERDICTS = st.none() | st.sampled_from(Verdict)
UNDO = BASE.steps[:3]

ENTRIES = st.one_of(
    st.builds(e.Sighted, at=TIME, sighting=SIGHTINGS),
    st.builds(e.Unasked, at=TIME, why=TEXT, storm=st.sampled_from(["", "storm-1"])),
    st.builds(e.Picked, at=TIME, actor=ACTORS),
    st.builds(e.Chosen, at=TIME, node=st.builds(NodeRef, TEXT, TEXT), why=TEXT, runners_up=TEXTS),
    st.builds(e.Diagnosed, at=TIME, diagnosis=DIAGNOSES),
    st.builds(e.Planned, at=TIME, plan=PLANS, changed=TEXTS),
    st.builds(e.Asked, at=TIME, digest=DIGEST, expires_at=TIME),
    st.builds(e.Reminded, at=TIME),
    st.builds(e.Answered, at=TIME, actor=ACTORS, approve=st.booleans(), digest=DIGEST),
    st.builds(e.Started, at=TIME, epoch=st.just(1), holder=TEXT),
    st.builds(e.Suspended, at=TIME, why=TEXT, until=TIME),
    st.builds(e.Continued, at=TIME),
    st.builds(e.StepBegan, at=TIME, name=NAMES),
    st.builds(e.Intended, at=TIME, seq=SEQ, step=NAMES, key=st.just("k"), purpose=TEXT),
    st.builds(e.Ended, at=TIME, seq=SEQ, outcome=OUTCOMES),
    st.builds(e.StepEnded, at=TIME, name=NAMES, evidence=TEXT, verdict=VERDICTS),
    st.builds(e.Failed, at=TIME, step=NAMES, why=TEXT, verdict=VERDICTS),
    st.builds(e.AbortAsked, at=TIME, actor=ACTORS),
    st.builds(e.UndoPlanned, at=TIME, steps=st.just(UNDO), release=st.booleans()),
    st.builds(e.Held, at=TIME, why=TEXT),
    st.builds(e.Closed, at=TIME, result=st.sampled_from(Result), why=TEXT),
)


HALTS = st.none() | st.one_of(
    st.builds(Unclear, TIME, TEXT),
    st.builds(Paused, TIME, st.sampled_from(Door), st.builds(Actor, st.just("cli"), TEXT), TEXT),
)


@settings(max_examples=60)
@given(st.lists(ENTRIES, max_size=25), HALTS)
def test_any_incident_can_be_drawn(entries: list[e.Entry], halt: Halt | None) -> None:
    incident = replace(s.story(*entries), halt=halt)
    for card in (render_card(incident), render_storm([incident])):
        assert_slack_takes(card)
        assert_harmless(card)

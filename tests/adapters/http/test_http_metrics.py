"""What the metrics say of the incidents and of the counters that other parts keep."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bot.adapters.http.metrics import FAMILIES, Metrics, build_registry
from bot.core import entries as e
from bot.core.drift import State
from bot.core.incident import Incident
from bot.core.lifecycle import fold
from bot.core.model import IncidentId, Result
from tests.adapters.http.sources import SWEPT, sources
from tests.unit.views import stories as s

PLAN = s.small_plan()


def registry(*incidents: Incident) -> CollectorRegistry:
    return build_registry(sources(incidents=lambda: list(incidents)))


def closed(result: Result, *before: e.Entry) -> Incident:
    return s.story(*before, e.Closed(at=s.at(400), result=result, why="x"))


def test_incidents_are_counted_by_family_and_result() -> None:
    found = registry(closed(Result.HEALED), closed(Result.HEALED), closed(Result.EXPIRED), s.story())
    family = s.sighting().family.value

    def count(result: str) -> float | None:
        return found.get_sample_value("imsbot_incidents_closed_total", {"family": family, "result": result})

    assert (2, 1, 0) == (count("healed"), count("expired"), count("restored"))
    assert 4 == found.get_sample_value("imsbot_incidents_opened_total", {"family": family})


@pytest.mark.parametrize(
    ("how", "family"),
    [({"actor": s.ROOT}, "requested"), ({"swept": e.Swept("sweep-1", "digest-1", ())}, "drift")],
)
def test_an_incident_without_a_failure_of_its_own_stays_where_it_was_counted(
    how: dict[str, Any], family: str
) -> None:
    """Also when its failure is seen later: a counter never goes back."""
    opened = e.Opened(at=s.T0, target=s.target(), sighting=None, **how)
    incident = fold(IncidentId("abcd2345"), [opened, e.Sighted(at=s.at(9), sighting=s.sighting())])
    assert 1 == registry(incident).get_sample_value("imsbot_incidents_opened_total", {"family": family})


def test_open_incidents_are_counted_by_where_they_stand() -> None:
    found = registry(s.story(), s.story(*s.question(PLAN)), s.story(*s.question(PLAN)), closed(Result.DENIED))
    values = [found.get_sample_value("imsbot_incidents_open", {"phase": p}) for p in ("opened", "asked", "held")]
    assert [1, 2, 0] == values
    assert 2 == found.get_sample_value("imsbot_approvals_open")


def test_incidents_that_cannot_be_read_need_a_person_as_held_ones_do() -> None:
    found = build_registry(sources(incidents=lambda: [s.story()], unreadable=lambda: 2))
    assert 2 == found.get_sample_value("imsbot_incidents_open", {"phase": "held"})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_ending_of_every_family_is_there_before_it_happens(family: str) -> None:
    found = registry()
    ends = {
        r: found.get_sample_value("imsbot_incidents_closed_total", {"family": family, "result": r}) for r in Result
    }
    assert dict.fromkeys(Result, 0.0) == ends


def test_steps_fall_into_the_bucket_of_their_time() -> None:
    found = registry(s.story(*s.begun(PLAN), *s.progress(PLAN, 1)))
    labels = {"step": PLAN.steps[0].name, "plan": "repair", "outcome": "done"}
    buckets = {
        bound: found.get_sample_value("imsbot_step_duration_seconds_bucket", {**labels, "le": bound})
        for bound in ("5.0", "10.0", "+Inf")
    }
    assert {"5.0": 0.0, "10.0": 1.0, "+Inf": 1.0} == buckets
    assert 9.0 == found.get_sample_value("imsbot_step_duration_seconds_sum", labels)


def test_steps_that_may_begin_anew_do_not_count_yet() -> None:
    began = e.StepBegan(at=s.at(80), name=PLAN.steps[0].name)
    ended = e.StepEnded(at=s.at(89), name=PLAN.steps[0].name, evidence="it was so already")
    labels = {"step": PLAN.steps[0].name, "plan": "repair", "outcome": "done"}
    found = registry(s.story(*s.begun(PLAN), began, ended))
    assert None is found.get_sample_value("imsbot_step_duration_seconds_count", labels)


def test_a_step_that_failed_and_those_of_the_undo_are_told_apart() -> None:
    names = [step.name for step in PLAN.steps]
    incident = s.story(*s.failed(PLAN, 2, "why"), *s.undone(PLAN, names[:3], 1))
    found = {
        (sample.labels["plan"], sample.labels["outcome"])
        for metric in Metrics(sources(incidents=lambda: [incident])).collect()
        for sample in metric.samples
        if sample.name == "imsbot_step_duration_seconds_count"
    }
    assert {("repair", "done"), ("repair", "failed"), ("undo", "done")} == found


def test_watches_say_what_they_heard_and_how_long_they_are_silent() -> None:
    found = build_registry(sources())
    labels = {"watch": "watch pods in namespace ims"}
    assert (12, 2, 1, 30) == (
        found.get_sample_value("imsbot_watch_events_total", labels),
        found.get_sample_value("imsbot_watch_lists_total", labels),
        found.get_sample_value("imsbot_watch_undecodable_total", labels),
        found.get_sample_value("imsbot_watch_silence_seconds", labels),
    )


def test_a_part_that_cannot_be_relied_on_is_zero() -> None:
    found = build_registry(sources(ready={"watch": lambda: "failing for 90 s", "slack": lambda: None}))
    values = [found.get_sample_value("imsbot_ready", {"part": part}) for part in ("watch", "slack")]
    assert [0, 1] == values


def test_a_paused_bot_says_so() -> None:
    said = (lambda: False, lambda: True)
    found = [build_registry(sources(halted=halted)).get_sample_value("imsbot_paused") for halted in said]
    assert [0, 1] == found


def test_the_last_sweep_says_what_it_found() -> None:
    found = build_registry(sources())
    nodes = [found.get_sample_value("imsbot_sweep_nodes", {"state": state}) for state in State]
    assert {"fine": 4, "drift": 0, "unreadable": 1} == dict(zip(State, nodes, strict=True))


def test_the_last_sweep_is_absent_until_there_was_one() -> None:
    name = "imsbot_sweep_last_success_timestamp_seconds"
    assert SWEPT.at.timestamp() == build_registry(sources()).get_sample_value(name)
    assert None is build_registry(sources(last_sweep=lambda: None)).get_sample_value(name)


def test_a_bot_that_never_swept_says_since_when_it_should_have() -> None:
    found = build_registry(sources(sweeps_begun_at=lambda: SWEPT.at, last_sweep=lambda: None))
    assert SWEPT.at.timestamp() == found.get_sample_value("imsbot_sweep_scheduled_timestamp_seconds")

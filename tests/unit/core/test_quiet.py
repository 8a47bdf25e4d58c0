"""Which ends keep a failure quiet, for how long, and when a storm makes incidents wait."""

import msgspec
import pytest

from bot.core import entries as e
from bot.core.incident import Incident
from bot.core.lifecycle import advance, fold
from bot.core.model import Blocker, Diagnosis, Family, IncidentId, Result, Target, TargetKind, Verb
from bot.core.quiet import NO_START, UNREADABLE, attempts, is_news, named_before, quiet_of
from bot.core.settings import Limits
from bot.core.storm import Barometer, Storm
from tests.unit.core.samples import ID, NODE, PERSON, T0, at, opened, plan, sighting

LIMITS = Limits()
DAY = 24 * 3600


def ended(result: Result, after_s: float = 0) -> Incident:
    return fold(ID, [opened(), e.Closed(at=at(after_s), result=result, why="x")])


@pytest.mark.parametrize(
    ("result", "quiet_s", "look"),
    [
        (Result.DENIED, DAY, True),
        (Result.DIAGNOSED, DAY, True),
        (Result.EXPIRED, DAY, False),
        (Result.HEALED, 600, False),
        (Result.UNPROVEN, 600, False),
        (Result.WITHDRAWN, 600, False),
    ],
)
def test_ends_are_quiet_for_their_time(result: Result, quiet_s: float, look: bool) -> None:
    past = [ended(result)]
    quiet = quiet_of(Family.HANDLER_NOT_CONFIGURED, past, at(quiet_s - 1), LIMITS)
    assert quiet is not None
    assert look == quiet.look
    assert quiet_of(Family.HANDLER_NOT_CONFIGURED, past, at(quiet_s), LIMITS) is None


def test_a_restored_target_is_quiet_until_a_person_asks() -> None:
    quiet = quiet_of(Family.HANDLER_NOT_CONFIGURED, [ended(Result.RESTORED)], at(365 * DAY), LIMITS)
    assert quiet is not None
    assert quiet.until is None


@pytest.mark.parametrize("result", [Result.HEALED, Result.DENIED, Result.RESTORED])
def test_an_end_that_a_wrong_clock_wrote_into_the_future_keeps_nothing_quiet(result: Result) -> None:
    assert quiet_of(Family.HANDLER_NOT_CONFIGURED, [ended(result, DAY)], at(0), LIMITS) is None


def test_a_repair_that_a_person_asked_for_ends_the_silence_of_a_restored_one() -> None:
    asked = fold(ID, [e.Opened(at=at(1), target=NODE, sighting=None, actor=PERSON)])
    healed = advance(asked, e.Closed(at=at(2), result=Result.HEALED, why="x"))
    past = [ended(Result.RESTORED), healed]
    assert quiet_of(Family.HANDLER_NOT_CONFIGURED, past, at(3), LIMITS) is not None
    assert quiet_of(Family.HANDLER_NOT_CONFIGURED, past, at(700), LIMITS) is None


def test_a_look_that_found_nothing_to_do_keeps_nothing_quiet() -> None:
    looked = fold(ID, [e.Opened(at=T0, target=NODE, sighting=None, actor=PERSON)])
    healthy = advance(looked, e.Closed(at=at(1), result=Result.WITHDRAWN, why="x"))
    assert quiet_of(Family.SHIM_MISSING, [healthy], at(2), LIMITS) is None


def test_drift_is_told_although_the_target_could_not_be_read_before() -> None:
    diagnosis = Diagnosis(Family.HANDLER_NOT_CONFIGURED, "why", (Blocker(UNREADABLE, "why"),))
    end = e.Closed(at=T0, result=Result.DIAGNOSED, why="x")
    unread = fold(ID, [opened(), e.Diagnosed(at=T0, diagnosis=diagnosis), end])
    assert quiet_of(None, [unread], at(1), LIMITS) is None
    assert quiet_of(Family.HANDLER_NOT_CONFIGURED, [unread], at(1), LIMITS) is not None


def test_a_look_is_news_when_it_shows_another_plan_or_another_reason() -> None:
    began = [opened(), e.Planned(at=T0, plan=plan())]
    denied = fold(ID, [*began, e.Closed(at=T0, result=Result.DENIED, why="x")])
    assert not is_news(plan(), denied)
    assert is_news(plan(digest="e" * 64), denied)

    def diagnosed(check: str) -> Incident:
        diagnosis = Diagnosis(Family.HANDLER_NOT_CONFIGURED, "why", (Blocker(check, "why"),))
        return fold(ID, [*began, e.Diagnosed(at=T0, diagnosis=diagnosis)])

    assert is_news(plan(), diagnosed(UNREADABLE)), "it can be read now"
    assert not is_news(plan(), diagnosed(NO_START)), "it would fail again"
    same, other = (Diagnosis(Family.HANDLER_NOT_CONFIGURED, "w", (Blocker(c, "w"),)) for c in ("kvm", "ready"))
    assert not is_news(same, diagnosed("kvm"))
    assert is_news(other, diagnosed("kvm"))


def test_a_plan_that_was_only_observed_is_news_once_it_may_be_asked() -> None:
    seen = msgspec.structs.replace(plan(), observed=("the configuration says mode: observe",))
    observed = fold(ID, [opened(), e.Planned(at=T0, plan=seen), e.Closed(at=T0, result=Result.DIAGNOSED, why="x")])
    assert not is_news(seen, observed)
    assert is_news(msgspec.structs.replace(seen, digest="e" * 64), observed)
    assert is_news(plan(), observed)


def test_another_family_on_the_same_target_is_news_at_once() -> None:
    assert quiet_of(Family.SHIM_MISSING, [ended(Result.DENIED)], at(1), LIMITS) is None


def test_a_pod_that_hangs_without_a_word_hangs_for_the_reason_heard_before() -> None:
    silent = msgspec.structs.replace(sighting(), family=Family.AMBIGUOUS, rule="ambiguous", message="no sandbox")
    other = msgspec.structs.replace(silent, uid="another-pod")
    past = [ended(Result.DENIED)]

    assert Family.HANDLER_NOT_CONFIGURED is named_before(silent, past).family
    assert "no sandbox" == named_before(silent, past).message
    assert other == named_before(other, past)


def test_only_repairs_that_touched_their_target_count_as_attempts() -> None:
    began = [opened(), e.Planned(at=T0, plan=plan(Verb.CORDON)), e.Started(at=T0, epoch=1, holder="h")]
    act = e.Intended(at=T0, seq=1, step="cordon", key="set-cordon", purpose="cordon")
    touched = fold(ID, [*began, act, e.Held(at=T0, why="x")])
    untouched = fold(ID, [*began, e.Held(at=T0, why="x")])
    asked_for = fold(ID, [opened(), e.Picked(at=T0, actor=PERSON)])
    assert attempts([touched, untouched, asked_for], at(DAY - 1), DAY) == 1
    assert attempts([touched], at(DAY + 1), DAY) == 0


def test_three_nodes_and_a_quarter_of_the_workers_make_a_storm() -> None:
    family = Family.SHIM_MISSING
    barometer = Barometer(LIMITS)

    def count(number: int, workers: int, now_s: float) -> Storm | None:
        return barometer.count(family, f"ncn-w00{number}", IncidentId(f"incident{number}"), workers, now_s)

    assert count(1, 12, 0) is None
    assert count(2, 12, 1) is None
    assert count(2, 12, 2) is None, "the same node again is no third"
    storm = count(3, 12, 3)
    assert storm is not None
    assert f"{family}-incident3" == storm.name
    assert "3 nodes within 10 minutes" in storm.why
    assert storm.name == count(4, 12, 4).name, "further nodes join it"
    assert count(5, 24, 5) is None, "five of 24 are no quarter"
    assert count(6, 12, 700) is None, "the window has passed"
    other = barometer.count(Family.KATA_CONFIG_MISSING, "ncn-w003", ID, 12, 3)
    assert other is None, "another family"


def test_a_restart_ends_no_storm() -> None:
    barometer = Barometer(LIMITS)
    for number in (1, 2, 3):
        target = Target(TargetKind.NODE, f"ncn-w00{number}", f"uid-{number}")
        seen = e.Opened(at=T0, target=target, sighting=sighting())
        unasked = e.Unasked(at=T0, why="a storm", storm="the-storm")
        barometer.recall(fold(ID, [seen, unasked]), opened_s=-60)
    storm = barometer.count(Family.HANDLER_NOT_CONFIGURED, "ncn-w004", ID, 12, 0)
    assert storm is not None
    assert storm.name == "the-storm"

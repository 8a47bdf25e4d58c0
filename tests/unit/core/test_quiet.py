"""Which ends keep a failure quiet, for how long, and when a storm makes incidents wait."""

import pytest

from bot.core import entries as e
from bot.core.incident import Incident
from bot.core.lifecycle import fold
from bot.core.model import Family, Result
from bot.core.quiet import attempts, quiet_of
from bot.core.settings import Limits
from bot.core.storm import Storm
from tests.unit.core.samples import ID, PERSON, T0, at, opened

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


def test_another_family_on_the_same_target_is_news_at_once() -> None:
    assert quiet_of(Family.SHIM_MISSING, [ended(Result.DENIED)], at(1), LIMITS) is None


def test_only_started_repairs_count_as_attempts() -> None:
    started = fold(ID, [opened(), e.Started(at=T0, epoch=1, holder="h"), e.Held(at=T0, why="x")])
    asked_for = fold(ID, [opened(), e.Picked(at=T0, actor=PERSON)])
    assert attempts([started, asked_for], at(DAY - 1), DAY) == 1
    assert attempts([started], at(DAY + 1), DAY) == 0


def test_three_nodes_and_a_quarter_of_the_workers_make_a_storm() -> None:
    storm = Storm(LIMITS)
    family = Family.SHIM_MISSING
    assert storm.why(family, "ncn-w001", 12, 0) is None
    assert storm.why(family, "ncn-w002", 12, 1) is None
    assert storm.why(family, "ncn-w002", 12, 2) is None, "the same node again is no third"
    why = storm.why(family, "ncn-w003", 12, 3)
    assert why is not None
    assert "ncn-w001, ncn-w002, ncn-w003" in why
    assert storm.why(family, "ncn-w004", 20, 4) is None, "four of twenty are no quarter"
    assert storm.why(family, "ncn-w005", 12, 700) is None, "the window has passed"
    assert storm.why(Family.KATA_CONFIG_MISSING, "ncn-w003", 12, 3) is None

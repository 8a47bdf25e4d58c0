"""When a start of the program owes a sweep, by the real trigger: neither forgotten nor repeated."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.app.timers import fires_after, schedule_of
from bot.core import sweep as s
from bot.core.model import Actor
from bot.core.settings import Sweep

DUE = datetime(2026, 11, 24, 3, 17, tzinfo=UTC)
GRACE_S = 6 * 3600.0
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def owed(memory: s.Memory, now: datetime, cron: str = "17 3 * * *", zone: str = "UTC") -> bool:
    return s.is_due(memory, now, fires_after(Sweep(cron=cron, timezone=zone)), GRACE_S)


def served(until: datetime) -> s.Memory:
    begun = s.Begun(at=until, sweep="sweep-1", nodes=("ncn-w001",))
    return s.fold([begun, s.Ended(at=until + MINUTE, sweep="sweep-1", rows=(), fine=1)])


def test_sweeps_that_begin_and_never_end_do_not_hide_since_when_there_should_be_one() -> None:
    begun = [s.Begun(at=DUE + days * timedelta(days=1), sweep="sweep-1", nodes=()) for days in range(3)]
    memory = s.fold([s.Scheduled(at=DUE - HOUR), *begun])
    assert (DUE - HOUR, begun[-1].at, None) == (memory.begun_at, memory.since, memory.last)


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        (DUE - HOUR, DUE - MINUTE, False),
        (DUE - HOUR, DUE + MINUTE, True),
        (DUE - HOUR, DUE + 5 * HOUR, True),
        (DUE - HOUR, DUE + 7 * HOUR, False),
        (DUE, DUE + MINUTE, False),
        (DUE + timedelta(seconds=0.2), DUE + MINUTE, False),
        (DUE - 30 * timedelta(days=1), DUE + MINUTE, True),
        (DUE + timedelta(days=1), DUE, False),
    ],
    ids=[
        "not yet",
        "missed",
        "late",
        "too late",
        "at its moment",
        "just made",
        "after a month",
        "clock went back",
    ],
)
def test_a_missed_sweep_is_owed_within_its_grace_and_once(since: datetime, now: datetime, expected: bool) -> None:
    assert expected is owed(served(since), now)


def test_a_sweep_that_was_cut_short_is_owed_within_its_grace() -> None:
    cut = s.fold([s.Begun(at=DUE, sweep="sweep-1", nodes=())])
    assert owed(cut, DUE + MINUTE)
    assert not owed(cut, DUE + 7 * HOUR)


def test_a_bot_that_never_swept_owes_nothing_until_its_schedule_comes() -> None:
    assert not owed(s.Memory(), DUE + MINUTE)
    first = s.fold([s.Scheduled(at=DUE - HOUR)])
    assert not owed(first, DUE - MINUTE)
    assert owed(first, DUE + MINUTE)


def test_a_named_zone_is_the_zone_of_the_cron_line() -> None:
    assert owed(served(DUE - HOUR), DUE - HOUR + 2 * MINUTE, cron="17 3 * * *", zone="Europe/Zurich") is False
    assert owed(served(DUE - 2 * HOUR), DUE - HOUR + MINUTE, cron="17 3 * * *", zone="Europe/Zurich")


def test_week_days_are_those_of_cron() -> None:
    sunday = datetime(2026, 11, 29, 3, 17, tzinfo=UTC)
    assert owed(served(sunday - HOUR), sunday + MINUTE, cron="17 3 * * 0")
    assert not owed(served(DUE - HOUR), DUE + MINUTE, cron="17 3 * * 1"), "that day is a Tuesday"


def test_no_cron_is_no_schedule() -> None:
    assert schedule_of(Sweep(cron=None)) is None
    assert not s.is_due(served(DUE - HOUR), DUE + MINUTE, fires_after(Sweep(cron=None)), GRACE_S)


def test_the_memory_keeps_who_was_expected_until_a_person_forgets_it() -> None:
    person = Actor(via="cli", user="root")
    memory = s.fold(
        [
            s.Begun(at=DUE, sweep="sweep-1", nodes=("ncn-w001", "ncn-w002")),
            s.Ended(at=DUE, sweep="sweep-1", rows=(), fine=2),
            s.Forgotten(at=DUE, node="ncn-w001", actor=person),
        ]
    )
    assert {"ncn-w002"} == memory.expected
    assert memory.running is None

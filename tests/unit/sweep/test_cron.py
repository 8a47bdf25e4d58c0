"""Cron lines become what APScheduler understands by them, or are refused with the field's name."""

import pytest

from bot.core.cron import parse_cron


@pytest.mark.parametrize(
    ("line", "field", "values"),
    [
        ("17 3 * * *", "minute", "17"),
        ("*/20 3 * * *", "minute", "0,20,40"),
        ("5/20 * * * *", "minute", "5,25,45"),
        ("0 1-5/2,23 * * *", "hour", "1,3,5,23"),
        ("0 3 1,15 * *", "day", "1,15"),
        ("0 3 * jan-mar *", "month", "1,2,3"),
        ("0 3 * * 0", "day_of_week", "sun"),
        ("0 3 * * 7", "day_of_week", "sun"),
        ("0 3 * * 1-5", "day_of_week", "mon,tue,wed,thu,fri"),
        ("0 3 * * Sat,sun", "day_of_week", "sun,sat"),
        ("0 3 * * 5-7", "day_of_week", "fri,sat,sun"),
    ],
)
def test_cron_means_what_crontab_means(line: str, field: str, values: str) -> None:
    assert values == parse_cron(line)[field]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("17 3 * *", "five fields"),
        ("60 3 * * *", "minute: '60' is not between 0 and 59"),
        ("0 24 * * *", "hour"),
        ("0 3 0 * *", "day"),
        ("0 3 * 13 *", "month"),
        ("0 3 * * 8", "day_of_week"),
        ("0 5-3 * * *", "hour: '5-3' is an empty range"),
        ("*/0 3 * * *", "minute"),
        ("*-3 3 * * *", "minute"),
        ("0 3 1 * mon", "both day fields"),
        ("@daily", "five fields"),
        ("x 3 * * *", "minute"),
        ("1,, 3 * * *", "minute"),
    ],
)
def test_what_is_no_cron_line_is_refused(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_cron(line)

"""How the stand-in for systemd reads words: checked against systemd 252."""

import pytest

from tests.sandbox.nodes.systemd.expand import expand
from tests.sandbox.nodes.systemd.timespan import parse_timespan, render_timespan


def test_arguments_are_expanded_as_systemd_does_it() -> None:
    argv = ["printf", "$A", "a$A", "${A}z", "$$", "a$$b", "${B}", "$B", "$", "a$", "${", "$1", "$(x)"]
    expected = ["printf", "x", "y", "a$A", "x yz", "$", "a$b", "", "a$", "${"]
    assert expected == expand(argv, {"A": "x y"})


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1min 30s", 90), ("300ms", 0.3), ("2h", 7200)])
def test_time_spans_are_read(text: str, seconds: float) -> None:
    assert seconds == pytest.approx(parse_timespan(text))


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "1min 30s"), (0.1, "100ms"), (5, "5s"), (0, "0"), (2528.246947, "42min 8.246947s")]
)
def test_time_spans_are_written(seconds: float, text: str) -> None:
    assert text == render_timespan(seconds)

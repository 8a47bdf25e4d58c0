"""The log as a machine reads it, and the errors of our own that are counted on their way into it."""

import json
from collections.abc import Iterator

import pytest
import structlog

from bot.adapters.telemetry import DEFECTS, configure_logs


@pytest.fixture(autouse=True)
def logs_of_other_tests() -> Iterator[None]:
    """Stay as they are."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_an_error_of_ours_is_one_line_with_its_traceback_and_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs()
    met = DEFECTS.met
    log = structlog.get_logger()
    try:
        raise KeyError("no such plan")
    except KeyError:
        log.exception("worker crashed", incident="abcd2345")
    log.error("card refused", error="no such channel")

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert ("worker crashed", "abcd2345", "error") == (first["event"], first["incident"], first["level"])
    assert first["exception"].endswith("KeyError: 'no such plan'")
    assert "exception" not in second
    assert met + 1 == DEFECTS.met

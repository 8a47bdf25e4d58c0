"""What holds for every test.

Logs of the program stay out of test output; a test that wants them uses structlog's `capture_logs`.

Hypothesis draws the same examples in every run (it derives them from the test itself, so a changed test draws
others): a run that is red says something about the change before it, and can be repeated. To look for examples
that nobody has met yet, run with IMSBOT_TEST_RANDOM=1; what it finds belongs into the test as an `@example`. Its
deadline per example and its check for slow drawing are off: they judge the machine, which may be busy.
"""

import os
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, settings


def _drop(_logger: Any, _method: str, _event: Any) -> NoReturn:
    raise structlog.DropEvent


def _silence() -> None:
    structlog.reset_defaults()
    structlog.configure(processors=[_drop])


_silence()


@pytest.fixture(autouse=True)
def _no_logs_of_a_command() -> Iterator[None]:
    """One that runs in our own process sends them to its stderr, which is closed when it has ended."""
    yield
    _silence()


settings.register_profile(
    "imsbot",
    deadline=None,
    derandomize=not os.environ.get("IMSBOT_TEST_RANDOM"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("imsbot")

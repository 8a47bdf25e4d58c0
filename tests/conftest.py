"""Logs of the program stay out of test output; a test that wants them uses structlog's `capture_logs`."""

from typing import Any, NoReturn

import structlog


def _drop(_logger: Any, _method: str, _event: Any) -> NoReturn:
    raise structlog.DropEvent


structlog.configure(processors=[_drop])

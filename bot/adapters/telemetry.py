"""Structured logs on stderr: one line per fact, decision and step, with the incident's id.

JSON for machines, colours for a terminal; never a secret, never a multi-line surprise.
"""

import logging
import sys
from typing import Final

import structlog


class Defects:
    """Counts the errors of our own that were met: what is logged with a traceback, where it is caught.

    A processor of structlog.
    """

    def __init__(self) -> None:
        self.met = 0
        """Since the start of the program."""

    def __call__(
        self, _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        self.met += bool(event.get("exc_info"))
        return event


DEFECTS: Final = Defects()


def configure_logs(level: int = logging.INFO) -> None:
    """The last call counts: every command begins quiet, `imsbot run` then says more."""
    people = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            DEFECTS,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for noisy in ("asyncssh", "slack_sdk", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""Structured logs on stderr: one line per fact, decision and step, with the incident's id.

JSON for machines, colours for a terminal; never a secret, never a multi-line surprise.
"""

import logging
import sys

import structlog


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
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for noisy in ("asyncssh", "slack_sdk", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

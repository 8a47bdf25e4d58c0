"""What goes wrong with connections to nodes, counted for the metrics; the errors themselves say where and why."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from bot.core.errors import BotError, HostKeyError, PermanentError, UnreachableError


class Failure(StrEnum):
    UNREACHABLE = "unreachable"
    """No connection, or no answer, within its bound."""
    LOST = "lost"
    """It was open and went away."""
    HOST_KEY = "host-key"
    """Not the pinned one: the node was rebuilt, or is another one."""
    REFUSED = "refused"
    """Our key is not let in or cannot be used, or no algorithm is common."""


class ConnectionLostError(UnreachableError):
    """The connection was open and went away: nobody knows how far the remote line came."""


class NoAnswerError(PermanentError):
    """The remote line was run, and what it said is no answer: nobody knows how far it came."""


class OutputTooLargeError(NoAnswerError):
    """The remote line wrote more than the caller can use; the rest was not read."""


Failures = Counter[Failure]


def no_failures() -> Failures:
    """Every kind from the start: a rate is only seen by whoever has seen the zero."""
    return Counter(dict.fromkeys(Failure, 0))


@contextmanager
def counted(failures: Failures) -> Iterator[None]:
    try:
        yield
    except BotError as error:
        if (kind := _kind(error)) is not None:
            failures[kind] += 1
        raise


def _kind(error: BotError) -> Failure | None:
    """`None` for what is no failure of a connection."""
    match error:
        case NoAnswerError():
            return None
        case HostKeyError():
            return Failure.HOST_KEY
        case ConnectionLostError():
            return Failure.LOST
        case UnreachableError():
            return Failure.UNREACHABLE
        case _:
            return Failure.REFUSED

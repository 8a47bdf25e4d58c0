"""What can go wrong, in two families that decide whether trying again makes sense.

Each outside error is translated once, in its adapter, with the cause chained. A message is written for the
person who reads it at night: it names the thing, what was seen, and what to do next.
"""

import msgspec


class BotError(Exception):
    """Anything this program says about the world outside it. `str(error)` is fit for a terminal or a card."""


class TemporaryError(BotError):
    """Trying again later may work: a refused connection, a 503, a conflict."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(BotError):
    """Trying again cannot work until a person changes something."""


class InputError(PermanentError):
    """Bad input: a configuration, a rule, an event, a file. Commands end with exit code 2."""


class UnknownFactError(PermanentError):
    """A fact could not be read. Unknown is not absent: nothing is decided on it (design.md invariant 8)."""


class UnreachableError(TemporaryError):
    """A node, the API server or Slack did not answer within its bound."""


class HostKeyError(PermanentError):
    """The node's SSH host key is not the pinned one. Carries the command that pins it again."""


class ConflictError(TemporaryError):
    """The object changed under us (HTTP 409): read it again and decide again."""


class NotFoundError(PermanentError):
    """The API object does not exist (HTTP 404)."""


class ForbiddenError(PermanentError):
    """The API server refuses this identity (HTTP 401 or 403): a Role or a token is missing."""


class RejectedError(PermanentError):
    """The API server refuses the object itself (HTTP 400 or 422, or an admission policy)."""


class GoneError(TemporaryError):
    """The resourceVersion is too old (HTTP 410): list again."""


class LeaseLostError(TemporaryError):
    """The Lease on a target is no longer ours, or was not renewed in time: no new command may start."""


class JournalError(PermanentError):
    """The journal cannot be used: damaged, of an unknown format, or not ours. A person has to look."""


class JournalUnavailableError(JournalError):
    """The journal cannot be read or written just now: a full disk, a volume that is not there, another holder.

    Whoever needs it stops all the same, because nothing may be done without it. What starts the program again may
    try: a restart reads the journal and goes on.
    """


def shut(path: object) -> str:
    """What a person is told who may not read `path`."""
    return f"{path} may be read by its owner and root only; use sudo"


PASSING = (TemporaryError, UnknownFactError, ForbiddenError)
"""What may pass by itself: a busy node answers late, and an API server that has just been started forbids for a
moment what it allows. Whoever asks again gives up after a time all the same."""

UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What msgspec raises for bytes from outside: the second for those that are no UTF-8 within a string."""

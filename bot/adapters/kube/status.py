"""The API server's refusals, translated once into `bot.core.errors`.

Every refusal comes as a `Status` object, in a response of 4xx or 5xx or as an ERROR line inside a watch of 200.
Its message is written for people and names the user, the verb and the resource; it may quote what anybody put
into an object, so control characters are shown as codes and long ones are cut.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from bot.core.errors import (
    UNDECODABLE,
    BotError,
    ConflictError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    PermanentError,
    RejectedError,
    TemporaryError,
    UnreachableError,
)
from bot.core.wording import visible

MAX_MESSAGE_CHARS = 600


class Details(Struct, frozen=True, rename="camel"):
    retry_after_seconds: int | None = None


class Status(Struct, frozen=True, rename="camel"):
    """metav1.Status: how the API server says no."""

    message: str | None = ""
    reason: str | None = ""
    code: int | None = 0
    details: Details | None = None


class AlreadyExistsError(ConflictError):
    """POST of a name that is taken (409, reason AlreadyExists): compare what is there."""


def parse_status(body: bytes) -> Status:
    """The Status in a response; what a proxy or a load balancer answered is quoted as it is."""
    try:
        return msgspec.json.decode(body, type=Status)
    except UNDECODABLE:
        return Status(message=body[:200].decode("utf-8", "replace"))


def error_of(call: object, code: int, status: Status, headers: Mapping[str, str]) -> BotError:
    """What a refusal of `call` with the HTTP `code` means for us."""
    said = visible(status.message or status.reason or "no reason given", MAX_MESSAGE_CHARS)
    text = f"{call}: {said} (HTTP {code})"
    match code:
        case 401:
            return ForbiddenError(f"{text}: the API server does not accept our token or client certificate")
        case 403 if " cannot " in said:
            return ForbiddenError(f"{text}: a Role or ClusterRole of the bot lacks this permission")
        case 404:
            return NotFoundError(text)
        case 409 if status.reason == "AlreadyExists":
            return AlreadyExistsError(text)
        case 409:
            return ConflictError(text)
        case 410:
            return GoneError(text)
        case 429:
            return TemporaryError(text, retry_after_s=_retry_after_s(status, headers))
        case _ if code >= 500:
            return UnreachableError(text, retry_after_s=_retry_after_s(status, headers))
        case 400 | 403 | 413 | 422:
            return RejectedError(text)
        case _:
            return PermanentError(text)


def _retry_after_s(status: Status, headers: Mapping[str, str]) -> float | None:
    if status.details and status.details.retry_after_seconds:
        return float(status.details.retry_after_seconds)
    # Only the form in seconds: the API server never sends a date.
    seconds = headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None

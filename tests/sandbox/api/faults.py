"""Faults that tests and the chaos demo inject, each as a client of a real cluster meets it.

`Faults` only decides; the server carries the decision out. Nothing here is random: whoever injects draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .access import Call
from .status import ApiError, internal, service_unavailable
from .store import Store

Match = Callable[[Call], bool]


class Fault(Enum):
    """What happens to one request."""

    INTERNAL_ERROR = "answer 500"
    UNAVAILABLE = "answer 503"
    THROTTLED = "answer 429 with Retry-After"
    DROPPED = "close the connection before anything happens"
    REPLY_LOST = "do it, then close the connection without an answer"


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int
    match: Match


class Faults:
    """What is armed. `gone_as_http`: a too old watch is refused with status 410 instead of an ERROR event."""

    def __init__(self, store: Store) -> None:
        self.gone_as_http = False
        self._store = store
        self._armed: list[_Armed] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._expiry = 0

    def strike_next(self, count: int, fault: Fault, match: Match = lambda _: True) -> None:
        """Arm `fault` for the next `count` requests that match."""
        self._armed.append(_Armed(fault, count, match))

    def clear(self) -> None:
        """Disarm everything and let frozen watches flow again."""
        self._armed.clear()
        self._flowing.set()

    def take(self, call: Call) -> Fault | None:
        """The fault that this request meets, spent by asking."""
        for armed in self._armed:
            if armed.left > 0 and armed.match(call):
                armed.left -= 1
                return armed.fault
        return None

    def freeze_watches(self) -> None:
        """Streams stay open and say nothing, bookmarks included: the deaf watch of a half-dead connection."""
        self._flowing.clear()

    def thaw_watches(self) -> None:
        self._flowing.set()

    async def until_flowing(self) -> None:
        await self._flowing.wait()

    def expire_watches(self) -> None:
        """Every open watch gets the in-stream 410 at its next turn."""
        self._expiry += 1
        self._store.wake()

    @property
    def expiry(self) -> int:
        """Rises with each `expire_watches`; a watch compares it with the value at its start."""
        return self._expiry


def refusal(fault: Fault) -> ApiError | None:
    """The Status of a fault that has one (429 comes as plain text, dropped connections have nothing)."""
    match fault:
        case Fault.INTERNAL_ERROR:
            return internal("etcdserver: request timed out")
        case Fault.UNAVAILABLE:
            return service_unavailable()
        case Fault.THROTTLED | Fault.DROPPED | Fault.REPLY_LOST:
            return None

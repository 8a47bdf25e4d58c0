"""What can go wrong between the bot and Slack, on demand and for a counted number of calls."""

from dataclasses import dataclass
from enum import Enum


class Trouble(Enum):
    """Where in the call it strikes: before the work is done, or after (the reply is lost, the message stands)."""

    REFUSE = "refuse"
    LOSE_REPLY = "lose reply"
    HANG_UP = "hang up after the work"
    DELAY = "delay"


@dataclass(slots=True)
class Fault:
    trouble: Trouble
    method: str
    calls_left: int
    status: int = 200
    retry_after_s: int | None = None
    delay_s: float = 0.0


class Faults:
    """The faults that are armed now. `method` is a Web API method such as `chat.postMessage`, or `*` for any."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self.outage = False
        """While true every request is answered 503 and no socket can be opened."""

    def rate_limit(self, method: str, *, calls: int = 1, retry_after_s: int = 1) -> None:
        """Answer the next calls with 429 and `Retry-After`, without doing them."""
        self._arm(Fault(Trouble.REFUSE, method, calls, status=429, retry_after_s=retry_after_s))

    def refuse(self, method: str, *, calls: int = 1, status: int = 503) -> None:
        """Answer the next calls with a server error, without doing them."""
        self._arm(Fault(Trouble.REFUSE, method, calls, status=status))

    def lose_reply(self, method: str, *, calls: int = 1) -> None:
        """Do the next calls and answer 500 all the same: a blind retry then posts twice."""
        self._arm(Fault(Trouble.LOSE_REPLY, method, calls, status=500))

    def hang_up(self, method: str, *, calls: int = 1) -> None:
        """Do the next calls and cut the connection instead of answering."""
        self._arm(Fault(Trouble.HANG_UP, method, calls))

    def delay(self, method: str, delay_s: float, *, calls: int = 1) -> None:
        """Let the next calls wait before they are done."""
        self._arm(Fault(Trouble.DELAY, method, calls, delay_s=delay_s))

    def clear(self) -> None:
        self._armed.clear()

    def take(self, method: str) -> list[Fault]:
        """The faults that this call meets; each of them is used up by one call."""
        met = [fault for fault in self._armed if fault.method in (method, "*")]
        for fault in met:
            fault.calls_left -= 1
        self._armed = [fault for fault in self._armed if fault.calls_left > 0]
        return met

    def _arm(self, fault: Fault) -> None:
        self._armed.append(fault)

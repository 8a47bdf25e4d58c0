"""How often each method may be called, as Slack documents its tiers, and for how long a caller must wait.

Sources: docs.slack.dev/apis/web-api/rate-limits: tiers 1 to 4 are 1+, 20+, 50+ and 100+ calls a minute per method;
chat.postMessage takes about one message a second per channel, with short bursts tolerated.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of `burst` calls that refills at `per_minute`; `per_channel` keeps one bucket for each channel."""

    per_minute: float
    burst: int
    per_channel: bool = False


TIER_1 = Limit(1, 20)
TIER_2 = Limit(20, 20)
TIER_3 = Limit(50, 50)
TIER_4 = Limit(100, 100)
POSTING = Limit(60, 5, per_channel=True)

STANDARD: Mapping[str, Limit] = {
    "apps.connections.open": TIER_1,
    "auth.test": TIER_4,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POSTING,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.replies": TIER_3,
    "users.info": TIER_4,
}
UNLIMITED: Mapping[str, Limit] = {}


class RateLimits:
    """The buckets of one app in one workspace. Methods without a limit are always let through."""

    def __init__(self, limits: Mapping[str, Limit], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def spend(self, method: str, channel: str) -> int | None:
        """Take one call out of its bucket. None when allowed, else the whole seconds to wait (`Retry-After`)."""
        limit = self._limits.get(method)
        if limit is None:
            return None
        now = self._clock()
        key = (method, channel if limit.per_channel else "")
        level, since = self._buckets.get(key, (float(limit.burst), now))
        per_second = limit.per_minute / 60
        level = min(limit.burst, level + (now - since) * per_second)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        return None if allowed else math.ceil((1 - level) / per_second)

"""How long to wait before the next try, so that many clients do not come back in step after an outage."""

import random


class Backoff:
    """Doubling delays between `first_s` and `cap_s`, each drawn from its upper half ("equal jitter")."""

    def __init__(self, first_s: float, cap_s: float) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self.failures = 0

    def reset(self) -> None:
        self.failures = 0

    def next_s(self, at_least_s: float | None = None) -> float:
        """The delay after one more failure; never under what the server asked for."""
        full = min(self._cap_s, self._first_s * 2.0 ** min(self.failures, 20))
        self.failures += 1
        delay = full * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy
        return max(delay, at_least_s or 0.0)

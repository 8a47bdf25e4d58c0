"""Whether a way to Slack works, for readiness. Slack cuts every socket now and then, so a short break is none."""

import time
from typing import Final

DOWN_S: Final = 30.0
"""Reconnecting takes seconds, and a rate limit rarely more than half a minute."""


class Health:
    """Of one way. `untried`: why it is down before it has worked once; empty when nobody had to try yet."""

    def __init__(self, untried: str = "", patience_s: float = DOWN_S) -> None:
        self._why = untried
        self._patience_s = patience_s
        self._since = float("-inf")

    def works(self) -> None:
        self._why = ""

    def fails(self, why: str) -> None:
        if not self._why:
            self._since = time.monotonic()
        self._why = why

    def down(self) -> str | None:
        """Why nobody is reached by this way; `None` while it works or was interrupted a moment ago."""
        return self._why if self._why and time.monotonic() - self._since >= self._patience_s else None

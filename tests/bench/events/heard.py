"""What each of the three says about its run: one line of JSON on standard output."""

from __future__ import annotations

import msgspec


class Heard(msgspec.Struct, frozen=True):
    heard: int
    """Events that reached the program's own code."""
    matched: int
    """Of them the ones that it recognised; the floor looks at none."""
    ended_at: float
    """Monotonic seconds, when the last one had been dealt with."""


def tell(heard: Heard) -> None:
    print(msgspec.json.encode(heard).decode(), flush=True)

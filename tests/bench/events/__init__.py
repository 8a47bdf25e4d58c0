"""A stream of Events: `measure` runs `by_bot`, `by_kopf` and `by_floor` against the server of `stream`."""

from tests.bench.events.measure import measure

__all__ = ["measure"]

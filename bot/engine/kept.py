"""Facts that serve once more, so that nothing is read twice in a row: young ones, with nothing done since.

A step may be asked with the facts that ended the step before. And what the look before the start read of the node
serves the first step that wants to know it: until then only the API was asked to change anything.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.facts import Facts, NodeFacts
from bot.engine.ports import Clock

KEPT_S = 1.0
"""How old facts may be that a step acts on, or that a second one is asked with."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """What a look read of its node."""

    facts: NodeFacts
    at_s: float
    """Monotonic."""


class Kept:
    """Whatever is taken is gone: a step that waits reads anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._facts: tuple[Facts, float] | None = None
        self._node: NodeSeen | None = None

    @property
    def heard(self) -> datetime | None:
        """`ClusterFacts.heard` at the end of the step before, however long ago; `None` where there was none."""
        return None if self._facts is None else self._facts[0].cluster.heard

    def keep(self, facts: Facts) -> None:
        """Of a step that is done."""
        self._facts = facts, self._clock.monotonic()

    def keep_node(self, seen: NodeSeen | None) -> None:
        """Of a look; `None` when it read none, or when something is about to be done there."""
        self._node = seen

    def take(self, *, with_node: bool) -> Facts | None:
        kept, self._facts = self._facts, None
        if kept is None or self._is_old(kept[1]) or (with_node and kept[0].node is None):
            return None
        return kept[0] if with_node else replace(kept[0], node=None)

    def take_node(self) -> NodeFacts | None:
        seen, self._node = self._node, None
        return None if seen is None or self._is_old(seen.at_s) else seen.facts

    def _is_old(self, since_s: float) -> bool:
        return self._clock.monotonic() - since_s > KEPT_S

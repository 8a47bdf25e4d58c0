"""The same failure on many nodes at once is the cluster's problem, not theirs (design.md 4.1, hop 3).

Repairing node after node would walk the whole cluster; so from the third node (and a quarter of the workers) on,
incidents are opened unasked and people get one grouped question. It blocks entry only.
"""

from collections import defaultdict

from bot.core.model import Family
from bot.core.settings import Limits


class Storm:
    """Remembers which nodes failed with which family in the window."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[Family, dict[str, float]] = defaultdict(dict)

    def why(self, family: Family, node: str, workers: int, now_s: float) -> str | None:
        """Count this node, and say why it must wait, if the family is a storm. `now_s` is monotonic."""
        seen = self._seen[family]
        seen[node] = now_s
        for name in [n for n, at in seen.items() if now_s - at > self._limits.storm_window_s]:
            del seen[name]
        enough = max(self._limits.storm_nodes, self._limits.storm_share * workers)
        if len(seen) < enough:
            return None
        minutes = self._limits.storm_window_s / 60
        return (
            f"{family} on {len(seen)} nodes within {minutes:g} minutes ({', '.join(sorted(seen))}): "
            "look for a common cause; `imsbot repair NODE` asks for one node all the same"
        )

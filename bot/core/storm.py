"""The same failure on many nodes at once is the cluster's problem, not theirs (design.md 4.1, hop 3).

Repairing node after node would walk the whole cluster; so from the third node (and a quarter of the workers) on,
incidents are kept unasked and people get one grouped question. It blocks entry only.
"""

from collections import defaultdict
from dataclasses import dataclass

from bot.core.incident import Incident, Phase
from bot.core.model import Family, IncidentId
from bot.core.settings import Limits


@dataclass(frozen=True, slots=True)
class Storm:
    """A family that fails on many nodes at once. Incidents of one storm carry its name."""

    name: str
    why: str


class Barometer:
    """Remembers which nodes failed with which family in the window. Its clock is monotonic."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[Family, dict[str, float]] = defaultdict(dict)
        self._names: dict[Family, str] = {}

    def recall(self, incident: Incident, opened_s: float) -> None:
        """An open incident of the journal, opened at that moment of our clock: a restart ends no storm."""
        if incident.target.node is None:
            return
        for family in incident.families:
            self._seen[family][incident.target.name] = opened_s
            if incident.storm and incident.phase is Phase.UNASKED:
                self._names[family] = incident.storm

    def count(self, family: Family, node: str, incident: IncidentId, workers: int, now_s: float) -> Storm | None:
        """Count this node, whose incident is being opened; the storm that it is part of, if the family is one."""
        seen = self._seen[family]
        seen[node] = now_s
        for name in [n for n, at in seen.items() if now_s - at > self._limits.storm_window_s]:
            del seen[name]
        enough = max(self._limits.storm_nodes, self._limits.storm_share * workers)
        if len(seen) < enough:
            self._names.pop(family, None)
            return None
        minutes = self._limits.storm_window_s / 60
        why = f"{family} on {len(seen)} nodes within {minutes:g} minutes: look for a common cause first"
        return Storm(self._names.setdefault(family, f"{family}-{incident}"), why)

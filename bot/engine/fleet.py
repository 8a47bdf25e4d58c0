"""How many targets may be under repair at once, and whose turn it is (design.md invariant 4).

A place belongs to an incident and not to a task: between its first act and its end it keeps it, also while its
node is out of reach or the program restarts. So no second node is cordoned because the first one has to wait.
"""

from bot.core.incident import Incident
from bot.core.model import IncidentId


class Fleet:
    def __init__(self, places: int) -> None:
        """`places` is `limits.concurrent_repairs`."""
        self._places = places
        self._taken: set[IncidentId] = set()

    def recall(self, incident: Incident) -> None:
        """An incident of the journal: it has its place if it is under way, whatever the limit says today."""
        if incident.under_way:
            self._taken.add(incident.id)

    def enter(self, incident: IncidentId) -> bool:
        """Whether the incident has a place now. Decided without an await."""
        if incident not in self._taken and len(self._taken) >= self._places:
            return False
        self._taken.add(incident)
        return True

    def leave(self, incident: Incident) -> None:
        """Give the place back, unless the incident is under way."""
        if not incident.under_way:
            self._taken.discard(incident.id)

"""Cards that several incidents share: a storm's, and the digest of a sweep.

Each is drawn anew when one of its incidents moves. A storm's card is made of what is said of its incidents alone;
a digest also tells of nodes without an incident, so it begins with the sweep.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.incident import Incident
from bot.core.model import IncidentId
from bot.core.sweep import Bulletin
from bot.views.card import Card
from bot.views.digest_card import render_digest
from bot.views.storm_card import render_storm


@dataclass(frozen=True, slots=True)
class GroupCard:
    subject: str
    """Name of the storm or of the digest: what the card's metadata says."""
    since: datetime
    """Not posted before."""
    card: Card


class Groups:
    def __init__(self) -> None:
        self._storms: dict[str, dict[IncidentId, Incident]] = defaultdict(dict)
        self._bulletin: Bulletin | None = None

    def hear(self, incident: Incident) -> Iterator[GroupCard]:
        """The shared cards that this incident changes."""
        if incident.storm:
            members = self._storms[incident.storm]
            members[incident.id] = incident
            since = min(member.opened_at for member in members.values())
            yield GroupCard(incident.storm, since, render_storm(list(members.values())))
        told = self._bulletin
        if told is not None and any(row.incident == incident.id for row in told.ended.rows):
            yield self.digest(replace(told, incidents={**told.incidents, incident.id: incident}))

    def digest(self, bulletin: Bulletin) -> GroupCard:
        """Of the last sweep; those before it do not change any more."""
        self._bulletin = bulletin
        since = bulletin.ended.since or bulletin.ended.at
        return GroupCard(bulletin.ended.digest, since, render_digest(bulletin))

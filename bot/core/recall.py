"""What a journal's incidents add up to: for the desk at its start, and for the commands that read beside it.

A record that this program does not know ends what is known of its incident, which is held until a person has
looked (design.md invariant 3). Where that is the very first record, nobody can say what the incident is about: it
is kept by its id, for people. Its node is safe meanwhile by what stands on it: a cordon whose annotation names
another incident, and units that still run, keep every other repair off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.entries import History
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import fold
from bot.core.model import IncidentId


@dataclass(frozen=True, slots=True)
class Recalled:
    incidents: Mapping[IncidentId, Incident]
    unreadable: Mapping[IncidentId, str]
    """Incidents of which nothing is known -> why."""


def recall(histories: Mapping[IncidentId, History]) -> Recalled:
    incidents: dict[IncidentId, Incident] = {}
    unreadable: dict[IncidentId, str] = {}
    for key, history in histories.items():
        try:
            incidents[key] = _known(fold(key, history.entries), history.unknown)
        except ValueError as error:
            unreadable[key] = history.unknown or str(error)
    return Recalled(incidents, unreadable)


def _known(incident: Incident, unknown: str) -> Incident:
    """Held as if nobody had said anything yet: what was decided last is not known, so it leads to no act."""
    if not unknown:
        return incident
    return replace(incident, phase=Phase.HELD, held=unknown, release=False, abort=None, diagnosis=None)

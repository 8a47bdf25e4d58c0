"""Names that we give to things on nodes and in the cluster; all of them lead back to the incident."""

import secrets

from bot.core.model import IncidentId

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""No l, o, 0 or 1: the id is read aloud at night."""


def new_incident_id() -> IncidentId:
    """Eight characters, 40 bits; unique within a journal for any number of incidents that a site can have."""
    return IncidentId("".join(secrets.choice(_ALPHABET) for _ in range(8)))


def canary_name(incident: IncidentId) -> str:
    return f"imsbot-canary-{incident}"


def unit_name(incident: IncidentId, seq: int, key: str) -> str:
    """A transient unit's name, used once and never again (design.md invariant 6)."""
    return f"imsbot-{incident}-{seq}-{key}"

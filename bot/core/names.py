"""Names that we give to things on nodes and in the cluster; all of them lead back to the incident."""

from bot.core.model import IncidentId


def canary_name(incident: IncidentId) -> str:
    return f"imsbot-canary-{incident}"


def unit_name(incident: IncidentId, seq: int, key: str) -> str:
    """A transient unit's name, used once and never again (design.md invariant 6)."""
    return f"imsbot-{incident}-{seq}-{key}"


def rollback_unit(incident: str) -> str:
    """The node's own way back: name of the timer and the service, without suffix; `facts/ours.py` looks for it."""
    return f"imsbot-rollback-{incident}"

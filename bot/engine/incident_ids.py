"""New ids for incidents. Random, so not in `core`, which gives the same answer to the same question."""

import secrets

from bot.core.model import IncidentId

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""No l, o, 0 or 1: the id is read aloud at night."""


def new_incident_id() -> IncidentId:
    """Eight characters, 40 bits; unique within a journal for any number of incidents that a site can have."""
    return IncidentId("".join(secrets.choice(_ALPHABET) for _ in range(8)))

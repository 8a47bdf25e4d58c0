"""What people and the watch may say to an open incident, and whether it still counts where the incident stands.

A message is a ready entry that waits to be journaled. It may have crossed an answer, a new plan or an end.
"""

from typing import assert_never

from bot.core import entries as e
from bot.core.incident import Incident, Phase
from bot.core.model import Sighting

SIGHTINGS_KEPT = 50

NOT_BEGUN = frozenset({Phase.OPENED, Phase.PLANNED, Phase.ASKED})

_WORKED_ON = frozenset({Phase.RUNNING, Phase.UNDOING})

Message = e.Sighted | e.Unasked | e.Diagnosed | e.Picked | e.Answered | e.AbortAsked | e.ReleaseAsked


def counts(message: Message, i: Incident) -> bool:
    """Whether it is worth an entry."""
    match message:
        case e.Sighted(sighting=sighting):
            return _is_new(sighting, i)
        case e.Answered():
            return i.phase in {Phase.PLANNED, Phase.ASKED} and i.answer is None
        case e.Unasked():
            return i.phase in NOT_BEGUN and i.answer is None
        case e.Diagnosed():
            return i.phase is Phase.OPENED
        case e.Picked():
            return i.phase is Phase.UNASKED
        case e.ReleaseAsked():
            return i.phase is Phase.HELD
        case e.AbortAsked():
            return i.open
        case _:
            assert_never(message)


def _is_new(sighting: Sighting, i: Incident) -> bool:
    """Not known yet; beyond the limit only a new family is worth an entry.

    While the node is worked on a new family is none: a containerd that we restart is down for a moment. What is
    true beyond the end is seen again.
    """
    if sighting.family not in i.families:
        return i.phase not in _WORKED_ON
    known = any(s.family is sighting.family and s.uid == sighting.uid for s in i.sightings)
    return not known and len(i.sightings) < SIGHTINGS_KEPT

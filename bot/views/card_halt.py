"""What a card says while the whole bot is paused: who stopped it, why, what that means here, and what ends it."""

from typing import assert_never

from bot.core.incident import Incident, Phase
from bot.core.pause import Door, Halt, Paused, Unclear, way_out
from bot.views import mrkdwn as m
from bot.views.blocks import Block, section

_TOUCHED = frozenset({Phase.PLANNED, Phase.ASKED, Phase.APPROVED, Phase.RUNNING, Phase.UNDOING})
"""Where a pause makes a difference to this incident."""


def halted(i: Incident) -> list[Block]:
    if i.phase not in _TOUCHED or (i.halt is None and i.suspended is None):
        return []
    return [section("\n".join([*_whole_bot(i.halt), *_here(i)]))]


def _whole_bot(halt: Halt | None) -> list[str]:
    if halt is None:
        return []
    return [f":pause_button: {_who(halt)}", f":point_right: What ends it: {m.prose(way_out(halt), 600)}."]


def _who(halt: Halt) -> str:
    match halt:
        case Paused(door=door, actor=actor, at=at, reason=reason):
            name = m.plain(actor.user, 120)
            by = name if door is Door.TERMINAL else f"the ConfigMap {name}"
            return f"*The bot is paused by {by}* since {m.when(at)}: {m.prose(reason, 600)}"
        case Unclear(at=at, why=why):
            return f"*Nobody can say whether the bot is paused*, since {m.when(at)}: {m.prose(why, 600)}"
        case _:
            assert_never(halt)


def _here(i: Incident) -> list[str]:
    """What it means for this incident."""
    if i.suspended is not None:
        since, until = m.when(i.suspended.at), m.when(i.suspended.until)
        return [
            f"The repair stands still since {since}; its node stays as it is, and from {until} on it is held. "
            f"`imsbot abort {i.id}` puts everything back at once."
        ]
    if i.phase is Phase.UNDOING:
        return ["What was done is put back all the same: a node half-way is worse."]
    if i.phase is Phase.RUNNING:
        return ["The repair stands still before its next command."]
    if i.phase is Phase.APPROVED:
        return ["It does not start."]
    return ["An approval is not taken meanwhile; a denial is."]

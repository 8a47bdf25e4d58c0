"""What a pause is: who stopped the bot, why, by which door, and whether it still holds.

A pause holds for the whole bot and outlives restarts. It has two doors, and each is opened only from where it was
shut: `imsbot pause` at the terminal, and the key `pause` of a ConfigMap for those who only have `kubectl`. Both
may be shut at once; then both have to be opened.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from bot.core.model import Actor
from bot.core.wording import visible

FORMAT = 1

KEY = "pause"
"""Of the ConfigMap: why the bot is paused."""

REASON_LIMIT = 300
NO_REASON = "no reason given"

_LIFTED = frozenset({"", "false"})
"""What says "not paused"; whatever else stands there pauses, also what was meant otherwise."""


class Door(StrEnum):
    TERMINAL = "terminal"
    CLUSTER = "cluster"


class Paused(Struct, frozen=True, tag_field="pause", tag="paused"):
    at: datetime
    """UTC; of the ConfigMap's key: when the bot first saw it."""
    door: Door
    actor: Actor
    reason: str


class Resumed(Struct, frozen=True, tag_field="pause", tag="resumed"):
    at: datetime
    door: Door
    actor: Actor


class Unclear(Struct, frozen=True):
    """Whether the cluster's key is set cannot be read: unknown is not absent (design.md invariant 8)."""

    at: datetime
    """Since when (UTC)."""
    why: str


PauseRecord = Paused | Resumed
"""What the journal keeps; the last record of each door counts."""

Halt = Paused | Unclear
"""Why nothing new is started."""

_decoder: msgspec.json.Decoder[PauseRecord] = msgspec.json.Decoder(PauseRecord)


def encode(record: PauseRecord) -> bytes:
    return msgspec.json.encode(record, order="deterministic")


def decode(line: bytes) -> PauseRecord:
    """Raises msgspec.ValidationError or msgspec.DecodeError for anything that this program does not know."""
    return _decoder.decode(line)


def in_force(records: Iterable[PauseRecord]) -> Mapping[Door, Paused]:
    """The pauses that still hold."""
    last = {record.door: record for record in records}
    return {door: record for door, record in last.items() if isinstance(record, Paused)}


def reason_in(value: str | None) -> str | None:
    """Why the ConfigMap's key pauses the bot; `None` when it does not."""
    said = (value or "").strip()
    if said.lower() in _LIFTED:
        return None
    return NO_REASON if said.lower() == "true" else visible(said, REASON_LIMIT)


def halt_text(halt: Halt) -> str:
    """What the bot is, to go on with after "the bot is": for terminal, journal and replies."""
    match halt:
        case Paused(door=door, actor=actor, reason=reason):
            who = f"by {actor.user}" if door is Door.TERMINAL else f"by the ConfigMap {actor.user}"
            return f"paused {who}: {reason}"
        case Unclear(why=why):
            return f"perhaps paused: the ConfigMap's key cannot be read ({why})"


def way_out(halt: Halt) -> str:
    """What ends it."""
    match halt:
        case Paused(door=Door.TERMINAL):
            return "`imsbot resume`"
        case Paused(actor=actor):
            namespace, _, name = actor.user.partition("/")
            patch = f'{{"data":{{"{KEY}":null}}}}'
            return f"`kubectl patch configmap {name} -n {namespace} --type merge -p '{patch}'`"
        case Unclear():
            return "a key that can be read"

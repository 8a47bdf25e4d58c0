"""The journal's records of sweeps, and what they add up to: who is expected, what is due, what the digest says.

Only the last sweep matters and the nodes that were ever expected, so a killed bot knows from these records whether
one was missed or cut short. The incidents of a sweep have entries of their own and are dated before its end: a
sweep without an end is done again, and finds what is open already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from bot.core.drift import Row, State
from bot.core.entries import Record
from bot.core.incident import Incident
from bot.core.model import Actor

FORMAT = 1


class Scheduled(Record, frozen=True, tag="sweeps-scheduled"):
    """The first start of a bot that sweeps: the schedule counts from here."""


class Begun(Record, frozen=True, tag="sweep-begun"):
    sweep: str
    nodes: tuple[str, ...]
    """All that are expected, from now on and until a person forgets one."""
    actor: Actor | None = None
    """Who asked for it; `None` for the schedule."""


class Ended(Record, frozen=True, tag="sweep-ended"):
    sweep: str
    rows: tuple[Row, ...]
    """Those that are not fine."""
    fine: int
    digest: str = ""
    """Which digest card tells of it: that of the first sweep since which there is drift; empty without any."""
    since: datetime | None = None
    """When that first sweep ended."""
    news: tuple[str, ...] = ()
    """Nodes that drift now and did not when they were last read."""
    unclear: tuple[str, ...] = ()
    """Nodes that drifted when they were last read, and cannot be read now."""

    @property
    def drift(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.state is State.DRIFT)


class Forgotten(Record, frozen=True, tag="node-forgotten"):
    node: str
    actor: Actor


SweepRecord = Scheduled | Begun | Ended | Forgotten

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder: msgspec.json.Decoder[SweepRecord] = msgspec.json.Decoder(SweepRecord)


def encode(record: SweepRecord) -> bytes:
    return _encoder.encode(record)


def decode(line: bytes) -> SweepRecord:
    """Raises msgspec.MsgspecError for anything that this program does not know."""
    return _decoder.decode(line)


@dataclass(frozen=True, slots=True)
class Memory:
    """The fold of the records."""

    expected: frozenset[str] = frozenset()
    begun_at: datetime | None = None
    """The first record's moment: from here on there should be sweeps."""
    since: datetime | None = None
    """Up to here the schedule was served."""
    running: Begun | None = None
    """Begun and not ended."""
    last: Ended | None = None


def fold(records: Iterable[SweepRecord]) -> Memory:
    memory = Memory()
    for record in records:
        memory = advance(memory, record)
    return memory


def advance(memory: Memory, record: SweepRecord) -> Memory:
    memory = replace(memory, begun_at=memory.begun_at or record.at)
    match record:
        case Scheduled(at=at):
            return replace(memory, since=at)
        case Begun(at=at, nodes=nodes):
            return replace(memory, expected=memory.expected | set(nodes), since=at, running=record)
        case Ended():
            return replace(memory, running=None, last=record)
        case Forgotten(node=node):
            return replace(memory, expected=memory.expected - {node})
        case _:
            assert_never(record)


def is_due(
    memory: Memory, now: datetime, fires_after: Callable[[datetime], datetime | None], grace_s: float
) -> bool:
    """Whether a start of the program owes a sweep: one was cut short, or missed, and not too long ago.

    `fires_after` is the schedule: its first moment after the given one.
    """
    oldest = now - timedelta(seconds=grace_s)
    if memory.running is not None and memory.running.at >= oldest:
        return True
    if memory.since is None:
        return False
    fires = fires_after(max(memory.since, oldest))
    return fires is not None and fires <= now


def ended(at: datetime, sweep: str, rows: Sequence[Row], last: Ended | None) -> Ended:
    """The record of a sweep that found these rows. A digest lives on while there may be drift."""
    told = tuple(row for row in rows if row.state is not State.FINE)
    drifting = [row.target.name for row in told if row.state is State.DRIFT]
    before = {*last.unclear, *(row.target.name for row in last.drift)} if last is not None else set()
    unreadable = [row.target.name for row in told if row.state is State.UNREADABLE]
    if last is not None and before:
        digest, since = last.digest, last.since
    else:
        digest, since = (sweep, at) if drifting else ("", None)
    return Ended(
        at=at,
        sweep=sweep,
        rows=told,
        fine=len(rows) - len(told),
        digest=digest,
        since=since,
        news=tuple(name for name in drifting if name not in before),
        unclear=tuple(name for name in unreadable if name in before),
    )


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What the digest card is drawn from: the last sweep, and the incidents that its rows name, as they stand."""

    ended: Ended
    incidents: Mapping[str, Incident]
    observed: frozenset[str] = frozenset()
    """Names of targets that are only observed: nobody is asked there."""

"""What recorded objects and watch lines would have been made of, one after the other.

The world at a record is what the records up to it have said; the time is the newest that they speak of. A List
says all its items at once, so an Event in it is joined with the others wherever they stand. Snapshots (of
`--objects`, of the API server) are asked first, and answer alone for the kinds that they hold.

Pure; reading is `bot/cli/read_objects.py`.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from bot.core.classify import classify
from bot.core.join import Verdict, join
from bot.core.kata import JoinPolicy
from bot.core.model import Family
from bot.core.moments import EPOCH, newest
from bot.core.objects import Event, Node, Pod, Watched
from bot.core.rules import RuleSet
from bot.core.stuck import no_sandbox
from bot.core.world import Kind, Objects


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The items of one List; equal only to itself."""

    items: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One record."""

    object: Watched
    deleted: bool = False
    version: int | None = None
    """Its resourceVersion, where that is a number."""
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What one file says, in its own order."""

    said: tuple[Said, ...]
    listed: frozenset[Kind] = frozenset()
    """Kinds of which it holds a whole list (`PodList`), so that others are absent."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The live objects as they were at one time."""

    objects: Objects
    at: datetime

    @classmethod
    def of(cls, source: Source) -> "Snapshot":
        """Taken as complete for every kind of which it holds an object."""
        things = [said.object for said in source.said if not said.deleted]
        objects = Objects()
        for thing in things:
            objects.put(thing)
        objects.mark_listed({*source.listed, *(type(t) for t in things if not isinstance(t, Event))})
        return cls(objects, max(map(newest, things), default=EPOCH))


@dataclass(frozen=True, slots=True)
class Told:
    """What was made of one record."""

    record: Event | Pod | Node
    verdict: Verdict


def merge(sources: Sequence[Source]) -> Iterator[Said]:
    """By resourceVersion across sources, keeping the order within each; only the items of a List have none.

    A record without a version stays behind the one that it follows in the input.
    """
    if len(sources) == 1:
        yield from sources[0].said
        return
    keyed: list[list[tuple[int, Said]]] = []
    last = 0
    for source in sources:
        keyed.append([])
        for said in _with_lists_sorted(source.said):
            last = said.version if said.version is not None else last
            keyed[-1].append((last, said))
    yield from (said for _, said in heapq.merge(*keyed, key=lambda pair: pair[0]))


def _with_lists_sorted(said: Sequence[Said]) -> Iterator[Said]:
    for batch, group in groupby(said, key=lambda one: one.batch):
        items = list(group)
        versions = [one.version for one in items if one.version is not None]
        if batch is not None and len(versions) == len(items):
            items.sort(key=lambda one: one.version or 0)
        yield from items


def tell(
    sources: Sequence[Source],
    snapshots: Sequence[Snapshot],
    rules: RuleSet,
    policy: JoinPolicy,
    stuck_after_s: float,
) -> Iterator[Told]:
    """The verdict on each Event, Pod and Node record. Deletions only change the world."""
    so_far = Objects()
    for source in sources:
        so_far.mark_listed(source.listed)
    now = max((snapshot.at for snapshot in snapshots), default=EPOCH)
    for said in merge(sources):
        together = said.batch.items if said.batch else (said.object,)
        now = max(now, *map(newest, together))
        if said.deleted:
            so_far.remove(said.object)
            continue
        so_far.put(said.object)
        if isinstance(said.object, Event | Pod | Node):
            world = _seen_from(said, so_far, snapshots)
            yield Told(said.object, _judge(said.object, world, rules, policy, now, stuck_after_s))


def _seen_from(said: Said, so_far: Objects, snapshots: Iterable[Snapshot]) -> Objects:
    world = so_far
    if said.batch is not None:
        world = Objects(below=so_far)
        for item in said.batch.items:
            world.put(item)
    for snapshot in snapshots:
        world = snapshot.objects.over(world)
    return world


def _judge(
    record: Event | Pod | Node,
    world: Objects,
    rules: RuleSet,
    policy: JoinPolicy,
    now: datetime,
    stuck_after_s: float,
) -> Verdict:
    seen = classify(record, rules)
    if seen.family is Family.UNRELATED and isinstance(record, Pod):
        seen = no_sandbox(record, rules, now, stuck_after_s) or seen
    return join(seen, world, policy)

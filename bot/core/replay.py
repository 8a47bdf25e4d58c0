"""What recorded objects and watch lines would have been made of, one after the other.

The world at a record is what the records up to it have said; the time is the newest that they speak of. A List
says all its items at once, so an Event in it is joined with the others wherever they stand, unless another file
says something newer of them. Snapshots (of
`--objects`, of the API server) are asked first, and answer alone for the kinds that they hold.

Pure; reading is `bot/cli/read_objects.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.classify import classify
from bot.core.join import Verdict, join
from bot.core.kata import JoinPolicy
from bot.core.model import Family
from bot.core.moments import EPOCH, newest
from bot.core.objects import Event, Node, Pod, Watched
from bot.core.rules import RuleSet
from bot.core.stuck import no_sandbox
from bot.core.world import Kind, Missing, Objects


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The items of one List; equal only to itself."""

    items: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One record."""

    object: Watched
    deleted: bool = False
    batch: Batch | None = None

    @property
    def version(self) -> int | None:
        """Its resourceVersion, where that is a number."""
        text = self.object.metadata.resource_version
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None


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


def merge(sources: Sequence[Source]) -> tuple[Said, ...]:
    """One source as it is, several by resourceVersion.

    A record without a version stays behind the one that it follows in the input.
    """
    said = tuple(one for source in sources for one in source.said)
    if len(sources) == 1:
        return said
    last, keys = 0, []
    for one in said:
        last = last if one.version is None else one.version
        keys.append(last)
    return tuple(one for _, one in sorted(zip(keys, said, strict=True), key=lambda pair: pair[0]))


@dataclass(slots=True)
class _OpenList:
    """A List of which not every item has had its turn."""

    objects: Objects
    at: datetime
    untold: int


class _Scene:
    """What is known at a record: all that was said up to it, and the whole List that it stands in."""

    def __init__(self, sources: Sequence[Source], snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._now = max((snapshot.at for snapshot in snapshots), default=EPOCH)
        self._so_far = Objects()
        for source in sources:
            self._so_far.mark_listed(source.listed)
        self._lists: dict[Batch, _OpenList] = {}

    def hear(self, said: Said) -> tuple[Objects, datetime]:
        """The world and the time at the record, itself included."""
        self._now = max(self._now, newest(said.object))
        if said.deleted:
            self._so_far.remove(said.object)
        else:
            self._so_far.put(said.object)
        for batch in [batch for batch, opened in self._lists.items() if not opened.untold]:
            del self._lists[batch]
        for batch, opened in self._lists.items():
            if batch is not said.batch:
                _overtake(opened.objects, said)
        if said.batch is None:
            return self._under_snapshots(self._so_far), self._now
        opened = self._opened(said.batch)
        opened.untold -= 1
        return self._under_snapshots(opened.objects), max(self._now, opened.at)

    def _opened(self, batch: Batch) -> _OpenList:
        if batch not in self._lists:
            objects = Objects(below=self._so_far)
            for item in batch.items:
                objects.put(item)
            self._lists[batch] = _OpenList(objects, max(map(newest, batch.items)), len(batch.items))
        return self._lists[batch]

    def _under_snapshots(self, world: Objects) -> Objects:
        for snapshot in self._snapshots:
            world = snapshot.objects.over(world)
        return world


def _overtake(objects: Objects, said: Said) -> None:
    """What a List says of an object ends when somebody else says something newer."""
    thing = said.object
    if isinstance(thing, Event):
        return
    known = objects.find(type(thing), thing.metadata.namespace, thing.metadata.name)
    if isinstance(known, Missing) or (Said(known).version or 0) <= (said.version or 0):
        objects.forget(thing)


def tell(
    sources: Sequence[Source],
    snapshots: Sequence[Snapshot],
    rules: RuleSet,
    policy: JoinPolicy,
    stuck_after_s: float,
) -> Iterator[Told]:
    """The verdict on each Event, Pod and Node record. Deletions only change the world."""
    scene = _Scene(sources, snapshots)
    for said in merge(sources):
        world, now = scene.hear(said)
        if not said.deleted and isinstance(said.object, Event | Pod | Node):
            yield Told(said.object, _judge(said.object, world, rules, policy, now, stuck_after_s))


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

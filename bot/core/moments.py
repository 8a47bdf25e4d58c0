"""The newest time that an object speaks of: the clock of everything that is read from files.

Objects carry no time of their own last change; their stamps together say how late it was at least.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.core.objects import Condition, Event, Job, Node, Pod, Watched

EPOCH = datetime.fromtimestamp(0, UTC)
"""Stands for "no time at all": older than anything."""


def newest(thing: Watched) -> datetime:
    """UTC; EPOCH when the object has no stamp."""
    return max(_stamps(thing), default=EPOCH)


def _stamps(thing: Watched) -> Iterator[datetime]:
    meta = thing.metadata
    # a deletionTimestamp lies in the future by the grace period, so it is no sign of how late it is
    yield from (stamp for stamp in (meta.creation_timestamp,) if stamp)
    match thing:
        case Event():
            yield thing.at
        case Pod() | Node() | Job():
            yield from _of_conditions(thing.status.conditions)
            if isinstance(thing, Pod):
                yield from _of_pod(thing)
        case _:
            return


def _of_conditions(conditions: tuple[Condition, ...] | None) -> Iterator[datetime]:
    for condition in conditions or ():
        for stamp in (condition.last_transition_time, condition.last_heartbeat_time):
            if stamp is not None:
                yield stamp


def _of_pod(pod: Pod) -> Iterator[datetime]:
    if pod.status.start_time is not None:
        yield pod.status.start_time
    for status in pod.status.all_containers:
        if status.state and status.state.running and status.state.running.started_at:
            yield status.state.running.started_at

"""Whether a failure that was answered lately stays quiet (design.md 4.1, hop 3).

A target that somebody said no to, or that was just repaired, must not ask again for every retry of the kubelet.
Some ends are quiet for a time only, some until the world looks different: then the engine takes a look at the
facts, without a card, and opens an incident only if the plan or the diagnosis is another one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from bot.core.incident import Incident
from bot.core.model import Diagnosis, Family, Plan, Result, Sighting
from bot.core.settings import Limits

NO_START = "start"
"""Check of the blocker of an approved repair that could not start."""

UNREADABLE = "unreadable"
"""Of a target whose facts could not be read."""

CLOCK_TRUST = timedelta(minutes=10)
"""An end that lies further ahead was written by a clock that was wrong: it keeps nothing quiet."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Only counted on the old card until `until`; `None` means until a person asks.

    With `look`, the facts are compared with the old end before that: another plan or diagnosis is news.
    """

    incident: Incident
    until: datetime | None
    look: bool


def quiet_of(family: Family | None, past: Iterable[Incident], now: datetime, limits: Limits) -> Quiet | None:
    """The latest closed incident of the same target and family that keeps this sighting quiet, if any.

    A repair that a person asked for, or a sweep, was about the whole target, so its end comes after every earlier
    one; where it found nothing to do, that says nothing of what is heard afterwards. Drift has no family (`None`):
    any end on its target counts, except that it could not be read.
    """
    about = [i for i in past if family is None or family in i.families or not i.sightings]
    ended = [i for i in about if i.closed is not None]
    last = max(ended, key=lambda i: i.changed_at, default=None)
    if last is None or last.closed is None:
        return None
    end = last.closed.at
    found_nothing = last.closed.result is Result.WITHDRAWN and not last.sightings
    unread = family is None and last.diagnosis is not None and _blocked_by(last.diagnosis, UNREADABLE)
    if end - now > CLOCK_TRUST or found_nothing or unread:
        return None
    match last.closed.result:
        case Result.RESTORED:
            return Quiet(last, None, look=False)
        case Result.DENIED | Result.DIAGNOSED:
            quiet = Quiet(last, end + timedelta(seconds=limits.quiet_s), look=True)
        case Result.EXPIRED:
            quiet = Quiet(last, end + timedelta(seconds=limits.quiet_s), look=False)
        case Result.HEALED | Result.UNPROVEN | Result.WITHDRAWN:
            quiet = Quiet(last, end + timedelta(seconds=limits.healed_quiet_s), look=False)
    return quiet if quiet.until is not None and now < quiet.until else None


def is_news(found: Plan | Diagnosis, old: Incident) -> bool:
    """Whether a look at a quiet target shows another plan or diagnosis than the one that ended.

    A plan is news after a diagnosis: what was in the way is gone. Only where its very start had failed, the same
    plan would fail again. One that was only observed is news as soon as it may be asked.
    """
    if isinstance(found, Plan) and old.observed and not found.observed:
        return True
    same_plan = isinstance(found, Plan) and old.plan is not None and found.digest == old.plan.digest
    if isinstance(found, Plan):
        could_start = old.diagnosis is not None and not _blocked_by(old.diagnosis, NO_START)
        return could_start or not same_plan
    return old.diagnosis is None or _evidence(found) != _evidence(old.diagnosis)


def _evidence(diagnosis: Diagnosis) -> tuple[Family, frozenset[str]]:
    return diagnosis.family, frozenset(b.check for b in diagnosis.blockers)


def _blocked_by(diagnosis: Diagnosis, check: str) -> bool:
    return any(blocker.check == check for blocker in diagnosis.blockers)


def attempts(past: Iterable[Incident], now: datetime, window_s: float) -> int:
    """How many repairs of this target were begun in the window."""
    since = now - timedelta(seconds=window_s)
    return sum(1 for i in past if i.touched and i.starts and i.starts[0].at >= since)


def named_before(sighting: Sighting, incidents: Iterable[Incident]) -> Sighting:
    """A pod that hangs without a word hangs for the reason that was heard of it before, if one was.

    Without this every hanging pod would be a second failure, of an ambiguous family, as soon as the timer sees it.
    """
    if sighting.family is not Family.AMBIGUOUS:
        return sighting
    heard = (s for i in incidents for s in i.sightings if s.uid == sighting.uid)
    named = next((s for s in heard if s.family is not Family.AMBIGUOUS), None)
    return sighting if named is None else msgspec.structs.replace(sighting, family=named.family, rule=named.rule)

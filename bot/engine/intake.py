"""From what the watch says to true sightings: classify, join with the live objects, or drop and count.

Hears every change without an await, so the watch is never held up. Words that arrive before the object that they
are about (the watches are independent) are kept for a while and joined again. Pods that hang without a word are
found by a timer over the cache (design.md 4.1, hop 1).
"""

from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum

import structlog

from bot.core import ims
from bot.core.classify import Classification, classify, names_failure
from bot.core.join import Verdict, join, runtime_class_of
from bot.core.kata import JoinPolicy
from bot.core.model import Family, Sighting
from bot.core.objects import Event, Job, Node, Observed, Pod
from bot.core.rules import RuleSet
from bot.core.settings import Limits
from bot.core.stuck import stuck_pods
from bot.core.wording import visible
from bot.engine.desk import Desk
from bot.engine.ports import Clock, World

log = structlog.get_logger(__name__)

REJOIN_S = 60.0
REJOIN_LIMIT = 2000
MESSAGE_LIMIT = 500
"""Characters of the cluster's words that the journal and cards keep."""


class Dropped(StrEnum):
    """Why something that was heard leads to no incident."""

    UNRELATED = "unrelated"
    """No rule knows these words."""
    CONTRADICTED = "contradicted"
    """The live objects say otherwise."""
    UNCONFIRMED = "unconfirmed"
    """Nothing confirmed it in time."""
    QUIET = "quiet"
    """The same failure of that target has ended lately; it is counted on the card of then."""


@dataclass(frozen=True, slots=True)
class _Early:
    """Words about an object that is not known yet."""

    seen: Classification
    until_s: float


class Intake:
    def __init__(
        self, *, rules: RuleSet, world: World, policy: JoinPolicy, desk: Desk, clock: Clock, limits: Limits
    ) -> None:
        self._rules = rules
        self._world = world
        self._policy = policy
        self._desk = desk
        self._clock = clock
        self._limits = limits
        self._early: deque[_Early] = deque(maxlen=REJOIN_LIMIT)
        self.dropped: Counter[Dropped] = Counter(dict.fromkeys(Dropped, 0))

    def hear(self, observed: Observed) -> None:
        """One change of the watch, after the cache has it."""
        record = observed.object
        if observed.deleted or not isinstance(record, Event | Pod | Node):
            return
        if not names_failure(record, self._rules):
            self.dropped[Dropped.UNRELATED] += 1
            return
        seen = classify(record, self._rules)
        dropped = self._sight(seen)
        if dropped is Dropped.UNCONFIRMED and isinstance(record, Event):
            self._wait_for_object(seen)
        elif dropped is not None:
            self.dropped[dropped] += 1

    def tick(self) -> None:
        """Called every second or so: what came too early, what hangs without a word, and what ended by itself."""
        now_s = self._clock.monotonic()
        for _ in range(len(self._early)):
            early = self._early.popleft()
            dropped = self._sight(early.seen)
            if dropped is Dropped.UNCONFIRMED and early.until_s > now_s:
                self._early.append(early)
            elif dropped is not None:
                self.dropped[dropped] += 1
        stuck_after_s = self._limits.stuck_after_s
        for stuck in stuck_pods(self._world, self._rules, self._policy, self._clock.now(), stuck_after_s):
            self._sight(stuck)
        self._desk.review()

    def _wait_for_object(self, seen: Classification) -> None:
        """These words may be too early. When too many wait, the oldest waits no more."""
        self.dropped[Dropped.UNCONFIRMED] += len(self._early) == REJOIN_LIMIT
        self._early.append(_Early(seen, self._clock.monotonic() + REJOIN_S))

    def _sight(self, seen: Classification) -> Dropped | None:
        """Why not, if so; what is not confirmed yet may be later."""
        verdict = join(seen, self._world, self._policy)
        if verdict.family is Family.UNRELATED:
            return Dropped.CONTRADICTED
        if not verdict.confirmed or verdict.target is None:
            return Dropped.UNCONFIRMED
        incident = self._desk.sight(verdict.target, self._sighting(seen, verdict))
        log.debug("sighted", family=verdict.family, target=verdict.target.name, incident=incident)
        return None if incident is not None else Dropped.QUIET

    def _sighting(self, seen: Classification, verdict: Verdict) -> Sighting:
        thing = self._thing(seen)
        return Sighting(
            family=verdict.family,
            rule=verdict.rule.family if verdict.rule else verdict.family,
            kind=seen.subject.kind,
            namespace=seen.subject.namespace,
            name=seen.subject.name,
            uid=seen.subject.uid,
            job=(ims.job_id(thing) or "") if thing else "",
            job_name=_job_name(thing),
            runtime_class=runtime_class_of(thing),
            message=visible(seen.statement.message or seen.why, MESSAGE_LIMIT),
            at=seen.at,
            blocked="; ".join(b.why for b in verdict.blockers if b.check in _OF_WORDS),
        )

    def _thing(self, seen: Classification) -> Pod | Job | None:
        subject = seen.subject
        match subject.kind:
            case "Pod":
                pod = self._world.pod(subject.namespace, subject.name)
                return pod if isinstance(pod, Pod) else subject.pod
            case "Job":
                job = self._world.job(subject.namespace, subject.name)
                return job if isinstance(job, Job) else None
            case _:
                return None


_OF_WORDS = frozenset({"wording", "path", "annotation"})
"""Blockers that no look at the node would find again."""


def _job_name(thing: Pod | Job | None) -> str:
    match thing:
        case Pod():
            return ims.job_name(thing) or ""
        case Job():
            return thing.metadata.name
        case None:
            return ""

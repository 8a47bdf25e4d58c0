"""Failures of a target that is quiet: counted on the old card, and now and then compared with it.

A quiet target is looked at without a card, at most once in a while; only another plan or diagnosis than the one
that ended is news, and only when it lasts (`core/quiet`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from bot.core.errors import BotError
from bot.core.incident import Incident
from bot.core.model import Diagnosis, IncidentId, Plan, Sighting, Target
from bot.core.quiet import Quiet, is_news
from bot.engine.gate import Gate
from bot.engine.look import Subject
from bot.engine.parts import Parts

log = structlog.get_logger(__name__)

QUIET_LOOK_S = 600.0
"""At most one look in this time at a target that is quiet."""

CONFIRM_S = 5.0
"""News of a quiet target must last this long: a runtime that did not answer once is none."""


class Echoes:
    def __init__(
        self,
        parts: Parts,
        gate: Gate,
        past_of: Callable[[Target], Iterable[Incident]],
        on_news: Callable[[Target, Sighting], None],
    ) -> None:
        """`on_news` is told of a target whose old end does not tell the truth any more."""
        self._parts = parts
        self._gate = gate
        self._past_of = past_of
        self._on_news = on_news
        self._counts: dict[IncidentId, int] = defaultdict(int)
        self._looked: dict[str, float] = {}
        self.looks: set[asyncio.Task[None]] = set()
        """Under way."""

    def counts(self) -> Mapping[IncidentId, int]:
        return dict(self._counts)

    def hear(self, target: Target, sighting: Sighting, quiet: Quiet) -> None:
        """Count it, and look at the target when that has not been done for a while."""
        old = quiet.incident
        if not self._counts[old.id]:
            until = str(quiet.until) if quiet.until else "imsbot repair"
            log.info("quiet", incident=old.id, target=target.name, family=sighting.family, until=until)
        self._counts[old.id] += 1
        self._parts.cards.show(replace(old, echoes=self._counts[old.id]))
        now = self._parts.clock.monotonic()
        if not quiet.look or now - self._looked.get(target.fingerprint, -QUIET_LOOK_S) < QUIET_LOOK_S:
            return
        self._looked[target.fingerprint] = now
        look = asyncio.create_task(self._look(target, sighting, old))
        self.looks.add(look)
        look.add_done_callback(self.looks.discard)

    async def _look(self, target: Target, sighting: Sighting, old: Incident) -> None:
        if self._gate.tired(target, sighting.family, tuple(self._past_of(target))) is not None:
            return
        subject = Subject(old.id, target, (sighting,), self._parts.clock.now())
        if not await self._shows_news(subject, old):
            return
        await self._parts.clock.sleep(CONFIRM_S)
        if await self._shows_news(subject, old):
            self._on_news(target, sighting)

    async def _shows_news(self, subject: Subject, old: Incident) -> bool:
        try:
            conclusion = await self._parts.looker.look(subject)
        except BotError as error:
            log.info("quiet target not readable", target=subject.target.name, error=str(error))
            return False
        return isinstance(conclusion, Plan | Diagnosis) and is_news(conclusion, old)

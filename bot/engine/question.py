"""Keeps the question of one incident true until its repair begins.

While people think about an answer the world goes on: nobody may wait for the repair any more, a further family may
need more than was planned, and a restart may have brought another mode. Each of them is looked at before the next
hop, and ends the question, asks it anew, or leaves it as it is.
"""

import msgspec

from bot.core.incident import Phase
from bot.core.mode import mode_changed, why_observed
from bot.core.model import Family, Plan
from bot.engine.owner import Owner
from bot.engine.parts import Parts
from bot.engine.planning import Planning

REVIEW_S = 30.0
"""At most one look in this time at whether somebody still waits."""


class Question:
    def __init__(self, parts: Parts, owner: Owner, planning: Planning) -> None:
        self._parts = parts
        self._owner = owner
        self._planning = planning
        self._reviewed_s = float("-inf")
        self._must_review = False
        self._settled = ""
        self._considered: frozenset[Family] = frozenset()

    def review(self) -> bool:
        """The watch says that nobody waits any more. It only hints: we look for ourselves, not too often.

        Whether there will be a look.
        """
        now_s = self._parts.clock.monotonic()
        if now_s - self._reviewed_s < REVIEW_S:
            return False
        self._reviewed_s = now_s
        self._must_review = True
        return True

    def settle(self, why: str) -> None:
        """Nobody needs to be asked any more, where nobody has picked it meanwhile."""
        self._settled = why

    @property
    def observed(self) -> tuple[str, ...]:
        """Who says now that this incident is only observed; what has begun is finished all the same."""
        i = self._owner.incident
        return () if i.touched else why_observed(self._parts.settings, self._parts.rules, i.families, i.target)

    @property
    def stands(self) -> bool:
        """Whether the plan is still what people should be asked, or what they were."""
        return not self._must_look_again and self._mode_changed() is None

    async def renew(self) -> bool:
        """Do what must be done before the next hop; whether there was anything."""
        settled, self._settled = self._settled, ""
        if settled and self._owner.incident.rests:
            await self._owner.close(evidence=settled)
        elif self._must_review:
            await self._review()
        elif self._must_look_again:
            await self._look_again()
        elif (observed := self._mode_changed()) is not None:
            await self._restate(observed)
        else:
            return False
        return True

    async def _review(self) -> None:
        """Take the question back when nobody waits for its answer any more."""
        self._must_review = False
        why = await self._planning.why_ended()
        if why is not None:
            await self._owner.close(evidence=why)

    @property
    def _must_look_again(self) -> bool:
        """A further family may need more than what people are asked about."""
        i = self._owner.incident
        waits = i.plan is not None and i.answer is None and i.phase in {Phase.PLANNED, Phase.ASKED}
        return waits and not self._families_asked.issuperset(i.families)

    @property
    def _families_asked(self) -> frozenset[Family]:
        """Those that the plan in question was made for, or found to be enough for."""
        plan = self._owner.incident.plan
        return self._considered | frozenset(plan.families if plan else ())

    async def _look_again(self) -> None:
        """The question stays when its plan serves the further family as it is; else people are asked anew."""
        conclusion = await self._planning.conclude()
        if conclusion is None:
            return
        self._considered = frozenset(self._owner.incident.families)
        if not (isinstance(conclusion, Plan) and _same_question(conclusion, self._owner.incident.plan)):
            await self._owner.conclude(conclusion)

    def _mode_changed(self) -> tuple[str, ...] | None:
        return mode_changed(self._owner.incident, self._parts.settings, self._parts.rules)

    async def _restate(self, observed: tuple[str, ...]) -> None:
        """The same plan under the mode of today: a question is taken back, or asked, and an answer is void."""
        assert self._owner.incident.plan is not None
        await self._owner.conclude(msgspec.structs.replace(self._owner.incident.plan, observed=observed))


def _same_question(new: Plan, old: Plan | None) -> bool:
    asked = None if old is None else (old.digest, old.approval, old.observed)
    return asked == (new.digest, new.approval, new.observed)

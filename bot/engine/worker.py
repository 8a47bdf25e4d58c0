"""One task per target: takes its incident from hop to hop until there is nothing left to do (design.md 4.1).

The worker is the only one that writes its incident's entries. What people and the watch say arrives in its inbox
and is journaled between two acts. `lifecycle.decide` says what comes next, after every entry and after a restart
alike, so there is one path and not two.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

import msgspec
import structlog

from bot.core import entries as e
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import Hop, advance, decide, reminder_at
from bot.core.messages import NOT_BEGUN, Message, counts
from bot.core.model import Actor, Diagnosis, Family, IncidentId, Plan, Target
from bot.core.outcome import closing, holding
from bot.core.plan import what_changed
from bot.engine.look import Conclusion
from bot.engine.parts import Parts
from bot.engine.planning import NodeBook, Planning
from bot.engine.question import Question
from bot.engine.repair import Repair
from bot.engine.telling import Telling
from bot.steps.planner import Nothing
from bot.steps.undo_plan import undo_plan
from bot.views.log_line import describe_entry

log = structlog.get_logger(__name__)

REST_S = 600.0
"""How often a resting incident is looked at: whether it must remind."""


class Worker:
    def __init__(self, parts: Parts, incident: Incident, nodes: NodeBook) -> None:
        self.incident = incident
        self.target = incident.target
        """Of the incident, or the node that it is just choosing."""
        self.opened = asyncio.Event()
        """Set when its first entry is on disk."""
        self.stopping = False
        self.unasking = False
        """Its question is being taken back: no answer counts any more."""
        self._parts = parts
        self._nodes = nodes
        self._repair = Repair(parts, self)
        self._planning = Planning(parts, self, self)
        self._question = Question(parts, self, self._planning)
        self._telling = Telling(parts.cards, self)
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        """`None` only wakes the worker."""
        self._picked = False
        self._roused: set[Family] = set()
        self._anchor = (incident.changed_at, parts.clock.monotonic())

    def tell(self, message: Message) -> None:
        """Put a message into the inbox; journaled before anything else happens."""
        self._inbox.put_nowait(message)

    def claim(self, node: Target) -> bool:
        """See `planning.Claims`."""
        if not self._nodes.claim(node, self.incident):
            return False
        self.target = node
        return True

    def taken(self) -> Mapping[str, IncidentId]:
        """See `planning.Claims`."""
        return self._nodes.taken()

    def in_storm(self, family: Family) -> bool:
        """Whether a storm of this family takes the question back: nobody has answered it, or asked for it."""
        i = self.incident
        asked_for = i.requested_by is not None or i.chosen is not None or i.answer is not None
        failed = (i.phase in NOT_BEGUN and family in i.families) or (i.rests and family in self._roused)
        return failed and i.target.node is not None and not asked_for

    def rouse(self, seen: e.Sighted) -> None:
        """A job failed where this incident rests: it rests no more as soon as that is journaled."""
        self._roused.add(seen.sighting.family)
        self.tell(seen)

    def unask(self, message: e.Unasked) -> None:
        """Take the question back. An answer that came before this message still counts."""
        self.unasking = True
        self.tell(message)

    def pick(self, actor: Actor) -> bool:
        """A person wants to be asked about an unasked incident. Whether this was the first to say so."""
        if self._picked or not (self.incident.phase is Phase.UNASKED or self.unasking):
            return False
        self._picked = True
        self.tell(e.Picked(at=self.now(), actor=actor))
        return True

    def settle(self, why: str) -> None:
        """There is nothing to ask about any more: an incident that rests ends with these words."""
        self._question.settle(why)
        self._inbox.put_nowait(None)

    def review(self) -> None:
        """The watch says that nobody waits any more."""
        if self._question.review():
            self.wake()

    def wake(self) -> None:
        """Whatever it waits for may be there."""
        self._inbox.put_nowait(None)

    @property
    def observed(self) -> tuple[str, ...]:
        """Who says now that this incident is only observed."""
        return self._question.observed

    def stop(self) -> None:
        """No new command starts. A running one is waited for by whoever runs the worker, within its grace."""
        self.stopping = True
        self.wake()

    async def run(self) -> None:
        """Returns when the incident is closed, or when the program stops.

        Raises JournalError: without a journal nothing may go on.
        """
        self._parts.cards.show(self.incident)
        while self.incident.open and not self.stopping:
            await self.drain_inbox()
            await self._hop_once()

    async def record(self, entry: e.Entry) -> None:
        now = self.now()
        if entry.at < self.incident.changed_at:
            entry = msgspec.structs.replace(entry, at=now)
        await self._parts.journal.append(self.incident.id, entry)
        self._anchor = (now, self._parts.clock.monotonic())
        self.incident = advance(self.incident, entry)
        self._parts.cards.show(self.incident)
        self.log(entry)

    def log(self, entry: e.Entry) -> None:
        """One line for each entry of the journal."""
        log.info(
            type(entry).__name__,
            incident=self.incident.id,
            target=self.incident.target.name,
            phase=self.incident.phase.value,
            **describe_entry(entry, self.incident),
        )

    def now(self) -> datetime:
        """Wall time, but never behind the last entry and what passed since: a clock that is set back extends no
        approval and no wait (design.md invariant 1)."""
        at, then = self._anchor
        return max(self._parts.clock.now(), at + timedelta(seconds=self._parts.clock.monotonic() - then))

    @property
    def expired(self) -> bool:
        """Nobody's answer counts any more, even if the worker has not come to close the incident yet."""
        asked = self.incident.asked
        return self.incident.phase is Phase.ASKED and asked is not None and self.now() >= asked.expires_at

    async def drain_inbox(self) -> None:
        while not self._inbox.empty():
            await self._take(self._inbox.get_nowait())

    async def _take(self, message: Message | None) -> None:
        if isinstance(message, e.Unasked):
            self.unasking = False
        if isinstance(message, e.Picked):
            self._picked = False
        if message is not None and counts(message, self.incident):
            await self.record(message)

    async def wait(self, timeout_s: float) -> None:
        """Until a message comes, at the latest after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._inbox.get()
        except TimeoutError:
            return
        await self._take(message)

    async def _hop_once(self) -> None:
        if not await self._question.renew():
            await self._do(self._hop())

    async def _do(self, hop: Hop) -> None:
        match hop:
            case Hop.PLAN | Hop.REASK:
                await self._plan()
            case Hop.ASK:
                await self._ask()
            case Hop.AWAIT_ANSWER:
                await self._await_answer()
            case Hop.REMIND:
                await self.record(e.Reminded(at=self.now()))
            case Hop.START | Hop.ACT | Hop.UNDO:
                await self._go_on(hop)
            case Hop.RELEASE:
                await self._give_back()
            case Hop.CLOSE | Hop.EXPIRE:
                await self.close()
            case Hop.REST:
                await self.wait(REST_S)
            case _:
                assert_never(hop)

    def _hop(self) -> Hop:
        approval = self._parts.settings.approval
        return decide(
            self.incident,
            self.now(),
            remind_at=approval.reminder_at,
            start_within_s=approval.start_within_s,
            held_reminder_s=approval.held_reminder_s,
        )

    async def _go_on(self, hop: Hop) -> None:
        if hop is Hop.START and self.incident.phase is Phase.PLANNED:
            # No approval is needed, and people see the plan before it begins all the same.
            await self._telling.deliver()
            if not await self.may_start():
                return
        await self._repair.run()

    async def may_start(self) -> bool:
        """Asked after every pause before the first act: people and the clock go on meanwhile."""
        await self.drain_inbox()
        return self._question.stands and self._hop() is Hop.START

    # Hop 4: facts and plan

    async def _plan(self) -> None:
        conclusion = await self._planning.conclude()
        if conclusion is not None:
            await self.conclude(conclusion)

    async def conclude(self, conclusion: Conclusion) -> None:
        now = self.now()
        match conclusion:
            case Plan():
                old = self.incident.plan
                changed = what_changed(conclusion, old) if old is not None else ()
                await self.record(e.Planned(at=now, plan=conclusion, changed=changed))
            case Diagnosis():
                await self.record(e.Diagnosed(at=now, diagnosis=conclusion))
                await self.close()
            case Nothing():
                await self.close(evidence=conclusion.evidence)
            case _:
                assert_never(conclusion)

    # Hop 5: ask, holding nothing

    async def _ask(self) -> None:
        assert self.incident.plan is not None
        stands = self.incident.standing
        await self._telling.deliver()
        if self.incident.standing != stands:
            return
        now = self.now()
        expires_at = now + timedelta(seconds=self._parts.settings.approval.expires_s)
        await self.record(e.Asked(at=now, digest=self.incident.plan.digest, expires_at=expires_at))

    async def _await_answer(self) -> None:
        asked = self.incident.asked
        assert asked is not None
        moments = [asked.expires_at]
        if not self.incident.reminded:
            moments.append(reminder_at(asked, self._parts.settings.approval.reminder_at))
        left_s = (min(moments) - self.now()).total_seconds()
        await self.wait(max(0.01, left_s))

    async def _give_back(self) -> None:
        """`release`: only what is still ours is given back; files stay as they are."""
        plan = self.incident.plan
        steps = undo_plan(plan, self.incident.acted, release=True) if plan else ()
        await self.record(e.UndoPlanned(at=self.now(), steps=tuple(s.planned() for s in steps), release=True))

    async def hold(self, why: str) -> None:
        await self.record(holding(self.incident, self.now(), why))
        await self._telling.deliver_last()

    async def close(self, *, evidence: str = "") -> None:
        end = closing(self.incident, self.now(), evidence)
        await self.record(end)
        await self._telling.deliver_last()

"""One task per target: takes its incident from hop to hop until there is nothing left to do (design.md 4.1).

The worker is the only one that writes its incident's entries. What people and the watch say arrives in its inbox
and is journaled between two acts. `lifecycle.decide` says what comes next, after every entry and after a restart
alike, so there is one path and not two.
"""

import asyncio
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from bot.core import entries as e
from bot.core.errors import BotError, JournalError, TemporaryError
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import Hop, advance, decide, reminder_at
from bot.core.model import Diagnosis, Family, Plan, Sighting, TargetKind
from bot.core.outcome import closing
from bot.core.plan import what_changed
from bot.engine.look import Conclusion, Subject
from bot.engine.parts import Parts
from bot.engine.repair import Repair
from bot.engine.telling import BACKOFF_S, Telling
from bot.steps.planner import Nothing, undo_plan

log = structlog.get_logger(__name__)

LOOK_TRIES = 4
"""Looks at a target that cannot be read, before people are told that it cannot."""

SIGHTINGS_KEPT = 50

REST_S = 600.0
"""How often a resting incident is looked at: whether it must remind."""

_NOT_BEGUN = frozenset({Phase.OPENED, Phase.PLANNED, Phase.ASKED})

Message = e.Sighted | e.Unasked | e.Picked | e.Answered | e.AbortAsked | e.ReleaseAsked
"""What may arrive in an inbox: ready entries, journaled by the worker."""


class Worker:
    def __init__(self, parts: Parts, incident: Incident) -> None:
        self.incident = incident
        self.stopping = False
        self.unasking = False
        """Its question is being taken back: no answer counts any more."""
        self._parts = parts
        self._repair = Repair(parts, self)
        self._telling = Telling(parts.cards, parts.clock, self)
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        """`None` only wakes the worker."""
        self._anchor: tuple[datetime, float] | None = None

    def tell(self, message: Message) -> None:
        """Put a message into the inbox; journaled before anything else happens."""
        self._inbox.put_nowait(message)

    def in_storm(self, family: Family) -> bool:
        """Whether a storm of this family takes the question back: nobody has answered it, or asked for it."""
        i = self.incident
        asked_for = i.requested_by is not None or i.chosen is not None or i.answer is not None
        return i.phase in _NOT_BEGUN and family in i.families and i.target.node is not None and not asked_for

    def unask(self, message: e.Unasked) -> None:
        """Take the question back. An answer that came before this message still counts."""
        self.unasking = True
        self.tell(message)

    def stop(self) -> None:
        """No new command starts. A running one is waited for by whoever runs the worker, within its grace."""
        self.stopping = True
        self._inbox.put_nowait(None)

    async def run(self) -> None:
        """Returns when the incident is closed, or when the program stops.

        Raises JournalError: without a journal nothing may go on.
        """
        self._parts.cards.show(self.incident)
        while self.incident.open and not self.stopping:
            await self.drain_inbox()
            await self._hop_once()

    async def record(self, entry: e.Entry) -> None:
        await self._parts.journal.append(self.incident.id, entry)
        if isinstance(entry, e.Asked | e.Answered):
            self._anchor = (entry.at, self._parts.clock.monotonic())
        self.incident = advance(self.incident, entry)
        self._parts.cards.show(self.incident)
        log.info(
            type(entry).__name__,
            incident=self.incident.id,
            target=self.incident.target.name,
            phase=self.incident.phase.value,
        )

    def _now(self) -> datetime:
        """Wall time, but never behind what passed since the question or its answer: a clock that is set back
        does not extend an approval (design.md invariant 1)."""
        now = self._parts.clock.now()
        if self._anchor is None:
            return now
        at, then = self._anchor
        return max(now, at + timedelta(seconds=self._parts.clock.monotonic() - then))

    async def drain_inbox(self) -> None:
        while not self._inbox.empty():
            await self._take(self._inbox.get_nowait())

    async def _take(self, message: Message | None) -> None:
        match message:
            case None:
                pass
            case e.Sighted():
                await self._take_sighting(message)
            case e.Answered():
                if self.incident.phase in {Phase.PLANNED, Phase.ASKED} and self.incident.answer is None:
                    await self.record(message)
            case e.Unasked():
                self.unasking = False
                if self.incident.phase in _NOT_BEGUN and self.incident.answer is None:
                    await self.record(message)
            case e.ReleaseAsked():
                if self.incident.phase is Phase.HELD:
                    await self.record(message)
                    await self._give_back()
            case e.AbortAsked() | e.Picked():
                await self.record(message)
            case _:
                assert_never(message)

    async def _take_sighting(self, sighted: e.Sighted) -> None:
        if self._is_new(sighted.sighting):
            await self.record(sighted)
            await self._replan_if_waiting()

    def _is_new(self, sighting: Sighting) -> bool:
        """Not known yet; beyond the limit only a new family is worth an entry."""
        seen = self.incident.sightings
        if sighting.family not in self.incident.families:
            return True
        known = any(s.family is sighting.family and s.uid == sighting.uid for s in seen)
        return not known and len(seen) < SIGHTINGS_KEPT

    async def wait(self, timeout_s: float) -> None:
        """Until a message comes, at the latest after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._inbox.get()
        except TimeoutError:
            return
        await self._take(message)

    async def _hop_once(self) -> None:
        incident = self.incident
        if incident.abort and not incident.starts:
            await self.close()
            return
        approval = self._parts.settings.approval
        hop = decide(
            incident,
            self._now(),
            remind_at=approval.reminder_at,
            start_within_s=approval.start_within_s,
            held_reminder_s=approval.held_reminder_s,
        )
        match hop:
            case Hop.PLAN | Hop.REASK:
                await self._plan()
            case Hop.ASK:
                await self._ask()
            case Hop.AWAIT_ANSWER:
                await self._await_answer()
            case Hop.REMIND:
                await self.record(e.Reminded(at=self._parts.clock.now()))
            case Hop.START if incident.phase is Phase.PLANNED:
                await self._telling.deliver()
                await self._repair.run()
            case Hop.START | Hop.ACT | Hop.UNDO:
                await self._repair.run()
            case Hop.CLOSE | Hop.EXPIRE:
                await self.close()
            case Hop.REST:
                await self.wait(REST_S)
            case _:
                assert_never(hop)

    # Hop 4: facts and plan

    async def _plan(self) -> None:
        conclusion = await self._look_patiently()
        await self.conclude(conclusion)

    async def _look_patiently(self) -> Conclusion:
        """A target that cannot be read is a diagnosis in the end: people must hear of it."""
        for delay_s in (*BACKOFF_S[: LOOK_TRIES - 1], None):
            try:
                if self.incident.target.kind is TargetKind.CHOOSE_NODE:
                    chosen = await self._choose()
                    if chosen is not None:
                        return chosen
                return await self._parts.looker.look(Subject.of(self.incident))
            except TemporaryError as error:
                if delay_s is None:
                    return _unreadable(self.incident, error)
                await self.wait(error.retry_after_s or delay_s)
            except JournalError:
                raise
            except BotError as error:
                return _unreadable(self.incident, error)
        raise AssertionError("the last try returns")

    async def _choose(self) -> Diagnosis | None:
        """Names the node of a choose-node incident; `None` when it did."""
        choice = await self._parts.looker.choose(Subject.of(self.incident))
        if isinstance(choice, Diagnosis):
            return choice
        await self.record(
            e.Chosen(at=self._parts.clock.now(), node=choice.node, why=choice.why, runners_up=choice.runners_up)
        )
        return None

    async def conclude(self, conclusion: Conclusion) -> None:
        now = self._parts.clock.now()
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

    async def _replan_if_waiting(self) -> None:
        """A further family may need more than what people were asked about: then they are asked anew."""
        if self.incident.phase not in {Phase.PLANNED, Phase.ASKED}:
            return
        old = self.incident.plan
        conclusion = await self._look_patiently()
        if isinstance(conclusion, Plan) and old is not None and conclusion.digest == old.digest:
            return
        await self.conclude(conclusion)

    # Hop 5: ask, holding nothing

    async def _ask(self) -> None:
        assert self.incident.plan is not None
        await self._telling.deliver()
        if self.incident.phase is not Phase.PLANNED:
            return
        now = self._parts.clock.now()
        expires_at = now + timedelta(seconds=self._parts.settings.approval.expires_s)
        await self.record(e.Asked(at=now, digest=self.incident.plan.digest, expires_at=expires_at))

    async def _await_answer(self) -> None:
        asked = self.incident.asked
        assert asked is not None
        moments = [asked.expires_at]
        if not self.incident.reminded:
            moments.append(reminder_at(asked, self._parts.settings.approval.reminder_at))
        left_s = (min(moments) - self._now()).total_seconds()
        await self.wait(max(0.01, left_s))

    async def _give_back(self) -> None:
        """`release`: only what is still ours is given back; files stay as they are."""
        assert self.incident.plan is not None
        steps = undo_plan(self.incident.plan, self.incident.acted, release=True)
        await self.record(
            e.UndoPlanned(at=self._parts.clock.now(), steps=tuple(s.planned() for s in steps), release=True)
        )

    async def hold(self, why: str) -> None:
        await self.record(e.Held(at=self._parts.clock.now(), why=why))
        await self._telling.deliver_last()

    async def close(self, *, evidence: str = "") -> None:
        end = closing(self.incident, self._parts.clock.now(), evidence)
        await self.record(end)
        await self._telling.deliver_last()


def _unreadable(incident: Incident, error: BotError) -> Diagnosis:
    family = incident.families[-1] if incident.families else Family.AMBIGUOUS
    return Diagnosis(
        family,
        f"{incident.target.name} could not be looked at: {error}",
        guidance=("Unknown is not absent: nothing was planned. Cure the cause, then `imsbot repair`.",),
    )

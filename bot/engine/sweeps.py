"""The service's sweeps: by the clock or when a person asks, one at a time, remembered in the journal.

A sweep feeds hop 3 of design.md 4.1 and never hop 7: it opens incidents *unasked*, and people pick from its digest
card. Timers and people only enqueue. The end of a sweep is journaled after every incident that it opened is on
disk; one without an end is done again at the next start, and meets what is open already.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from bot.core import sweep as s
from bot.core.drift import Row, State
from bot.core.entries import Swept
from bot.core.errors import BotError
from bot.core.mode import why_observed
from bot.core.model import Actor
from bot.engine.desk import Desk
from bot.engine.incident_ids import new_incident_id
from bot.engine.parts import Parts
from bot.engine.survey import Scope, Surveyor
from bot.views.log_line import describe_row

log = structlog.get_logger(__name__)

AGAIN_S = 60.0
"""How soon a sweep begins anew when the API could not be read."""

TRIES = 3
"""How often a sweep that meets a defect of ours is begun; the next one that is asked for begins anew."""

FOUND_FINE = "A later sweep found it as it should be."


class Sweeps:
    def __init__(self, parts: Parts, surveyor: Surveyor, desk: Desk) -> None:
        self._parts = parts
        self._surveyor = surveyor
        self._desk = desk
        self._memory = s.Memory()
        self._asked: list[Actor | None] = []
        self._failed = 0
        self._forgotten: set[str] = set()
        """Since the sweep that runs began to look."""
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def memory(self) -> s.Memory:
        return self._memory

    async def resume(self, fires_after: Callable[[datetime], datetime | None]) -> None:
        """Read the journal, show the last digest, and enqueue a sweep that is owed. Raises JournalError.

        `fires_after`: see `core.sweep.is_due`.
        """
        self._memory = s.fold(await self._parts.journal.sweeps())
        now = self._parts.clock.now()
        if self._memory.since is None:
            await self._record(s.Scheduled(at=now))
        self._show()
        if s.is_due(self._memory, now, fires_after, self._parts.settings.sweep.grace_s):
            log.info("a sweep is owed", since=str(self._memory.since))
            self.ask(None)

    def ask(self, actor: Actor | None) -> None:
        """Enqueue a sweep; those that wait for the same moment are one."""
        self._asked.append(actor)
        self._wake.set()

    async def run(self) -> None:
        """One sweep after another, until cancelled. One that fails stays enqueued. Raises JournalError."""
        while True:
            await self._wake.wait()
            asked, self._asked = self._asked, []
            self._wake.clear()
            try:
                await self._sweep(next((actor for actor in asked if actor is not None), None))
            except Exception:
                self._failed += 1
                if self._failed < TRIES:
                    self._asked = [*asked, *self._asked]
                    self._wake.set()
                else:
                    log.error("no sweep", tries=TRIES)
                    self._failed = 0
                raise
            self._failed = 0
            self._show()

    async def forget(self, node: str, actor: Actor) -> bool:
        """That it was expected once counts no more, and nobody is asked about its drift.

        Whether it was expected at all. Raises JournalError.
        """
        if node not in self._memory.expected:
            return False
        self._forgotten.add(node)
        await self._record(s.Forgotten(at=self._parts.clock.now(), node=node, actor=actor))
        for worker in self._desk.resting():
            if worker.target.name == node:
                worker.settle(f"{actor.user} said that {node} is not expected to run Kata any more.")
        return True

    async def _scope(self) -> Scope:
        """As soon as the API can be read."""
        while True:
            self._forgotten &= self._memory.expected  # those whose record is not written yet
            try:
                return await self._surveyor.scope(self._memory.expected)
            except BotError as error:
                log.warning("the sweep cannot begin yet", error=str(error))
            await self._parts.clock.sleep(AGAIN_S)

    async def _sweep(self, actor: Actor | None) -> None:
        scope = await self._scope()
        now, running = self._parts.clock.now(), self._memory.running
        name = running.sweep if running is not None else f"sweep-{new_incident_id()}"
        nodes = tuple(node for node in scope.expected.names if node not in self._forgotten)
        if running is None or not self._memory.expected.issuperset(nodes):
            await self._record(s.Begun(at=now, sweep=name, nodes=nodes, actor=actor))
        log.info("sweep begun", sweep=name, nodes=len(nodes))
        rows = self._expected(await self._surveyor.survey(scope))
        draft = s.ended(self._parts.clock.now(), name, rows, self._memory.last)
        told = [await self._with_incident(row, name, draft.digest) for row in draft.rows]
        news = tuple(node for node in draft.news if node not in self._forgotten)
        end = msgspec.structs.replace(draft, rows=tuple(self._expected(told)), news=news)
        self._settle(self._expected(rows))
        await self._record(end)
        for row in end.rows:
            log.info("swept", **describe_row(row))
        unreadable = sum(row.state is State.UNREADABLE for row in end.rows)
        log.info("sweep ended", sweep=name, fine=end.fine, drift=len(end.drift), unreadable=unreadable)

    def _expected(self, rows: Sequence[Row]) -> list[Row]:
        """Without nodes that were forgotten since the sweep began to look."""
        return [row for row in rows if row.target.name not in self._forgotten]

    async def _with_incident(self, row: Row, sweep: str, digest: str) -> Row:
        if row.state is not State.DRIFT or not row.proposes or row.target.name in self._forgotten:
            return row
        incident = await self._desk.drifted(row.target, Swept(sweep, digest, row.drifts))
        return msgspec.structs.replace(row, incident=incident)

    def _settle(self, rows: Sequence[Row]) -> None:
        """Incidents of earlier sweeps whose target does not drift any more, or is not expected, end."""
        seen = {row.target.fingerprint: row for row in rows}
        for worker in self._desk.resting():
            row = seen.get(worker.target.fingerprint)
            if row is None:
                worker.settle(self._why_unseen(worker.target.name))
            elif row.state is State.FINE:
                worker.settle(FOUND_FINE)

    def _why_unseen(self, node: str) -> str:
        if node in self._memory.expected:
            return f"{node} is another one now, or was removed."
        return f"{node} is not expected to run Kata any more."

    async def _record(self, record: s.SweepRecord) -> None:
        """One at a time, so that memory and journal have the same order."""
        async with self._writing:
            await self._parts.journal.note_sweep(record)
            self._memory = s.advance(self._memory, record)

    def _show(self) -> None:
        end = self._memory.last
        if end is None or not end.digest:
            return
        found = {row.incident: self._desk.find(row.incident) for row in end.rows if row.incident}
        incidents = {key: incident for key, incident in found.items() if incident is not None}
        self._parts.cards.show_digest(s.Bulletin(end, incidents, self._observed(end)))

    def _observed(self, end: s.Ended) -> frozenset[str]:
        settings, rules = self._parts.settings, self._parts.rules
        return frozenset(row.target.name for row in end.drift if why_observed(settings, rules, (), row.target))

"""Where sightings and people meet incidents: opens them, keeps one worker per target, and routes what is said.

Everything here is decided without an await, so two sightings of one target cannot open two incidents and two
clicks cannot both be first. Storms and quiet rules block entry only; a worker that runs is never touched by them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.core import entries as e
from bot.core.endings import why_ended
from bot.core.errors import BotError, JournalError
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import fold
from bot.core.model import Actor, Diagnosis, IncidentId, Plan, Sighting, Target, TargetKind
from bot.core.quiet import Quiet, is_news, named_before, quiet_of
from bot.engine.gate import Gate
from bot.engine.incident_ids import new_incident_id
from bot.engine.look import Subject
from bot.engine.parts import Parts
from bot.engine.worker import Worker

log = structlog.get_logger(__name__)

CRASH_PAUSE_S = 5.0
"""After a crash the worker is held and listens on, so that a person can release it."""

QUIET_LOOK_S = 600.0
"""At most one look in this time at a target that is quiet."""

CONFIRM_S = 5.0
"""News of a quiet target must last this long: a runtime that did not answer once is none."""

LAST_WORD = timedelta(days=1)
"""How long after its end an incident's card is brought up to date by a start of the program."""


class Desk:
    """All incidents of this journal, open and closed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._closed: dict[IncidentId, Incident] = {}
        self._workers: dict[IncidentId, Worker] = {}
        self._tasks: dict[IncidentId, asyncio.Task[None]] = {}
        self._echoes: dict[IncidentId, int] = defaultdict(int)
        self._looked: dict[str, float] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._gate = Gate(parts)
        parts.brake.on_change(self._tell_halt)
        self._journal_lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Start and end

    async def resume(self) -> None:
        """Read the journal and go on with every open incident at its hop. Raises JournalError."""
        for incident_id, history in (await self._parts.journal.read()).items():
            if not history.entries:
                log.error("incident not readable", incident=incident_id, why=history.unknown)
                continue
            incident = fold(incident_id, history.entries)
            if history.unknown:
                incident = replace(incident, phase=Phase.HELD, held=history.unknown)
            if incident.open:
                self._gate.recall(incident)
                self._parts.fleet.recall(incident)
                self._employ(incident)
            else:
                self._closed[incident_id] = incident
                self._repeat_last_word(incident)

    def _repeat_last_word(self, incident: Incident) -> None:
        """It may have been closed while the card's service was down, or just before the program was killed."""
        if self._parts.clock.now() - incident.changed_at < LAST_WORD:
            self._parts.cards.show(incident)

    async def run(self) -> None:
        """Returns never; raises JournalError when a worker could not write the journal."""
        await self._journal_lost

    async def stop(self, grace_s: float) -> None:
        """No new command starts; a running one may end within `grace_s`, then its unit's own bound ends it."""
        for worker in self._workers.values():
            worker.stop()
        tasks = [*self._tasks.values(), *self._looks]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        await self.kill()

    async def kill(self) -> None:
        """Drop everything at once, as SIGKILL would; the journal and the nodes know how to go on."""
        tasks = [*self._tasks.values(), *self._looks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _employ(self, incident: Incident) -> Worker:
        worker = Worker(self._parts, incident, self._taken)
        self._workers[incident.id] = worker
        self._tasks[incident.id] = asyncio.create_task(self._work(worker), name=f"incident {incident.id}")
        return worker

    async def _work(self, worker: Worker) -> None:
        """The outermost boundary of one incident: whatever happens in it stays in it, but for the journal."""
        incident_id = worker.incident.id
        # Lines of adapters, too, say for which incident they speak.
        structlog.contextvars.bind_contextvars(incident=incident_id)
        crashed = False
        while worker.incident.open and not worker.stopping:
            try:
                if crashed:
                    await self._hold_after_crash(worker)
                    crashed = False
                await worker.run()
            except JournalError as error:
                self._lose(error)
                return
            except Exception:
                log.exception("worker crashed", incident=incident_id)
                crashed = True
                await self._parts.clock.sleep(CRASH_PAUSE_S)
        if not worker.incident.open:
            self._closed[incident_id] = worker.incident
            del self._workers[incident_id], self._tasks[incident_id]

    async def _hold_after_crash(self, worker: Worker) -> None:
        """A defect of ours: the incident is held, so that a person looks before anything else happens.

        Whatever crashed may crash again here, once the journal has it; then the incident rests already.
        """
        try:
            rests = worker.incident.phase is Phase.HELD and not worker.incident.release
            if worker.incident.open and not rests:
                await worker.hold("the program met an error of its own; its log has the details")
        finally:
            self._parts.fleet.leave(worker.incident)

    def _lose(self, error: JournalError) -> None:
        if not self._journal_lost.done():
            self._journal_lost.set_exception(error)

    # What is known

    def incidents(self) -> list[Incident]:
        """Newest first."""
        everything = [*self._closed.values(), *(w.incident for w in self._workers.values())]
        return sorted(everything, key=lambda i: i.opened_at, reverse=True)

    def find(self, incident_id: str) -> Incident | None:
        key = IncidentId(incident_id)
        worker = self._workers.get(key)
        return worker.incident if worker else self._closed.get(key)

    def worker(self, incident_id: str) -> Worker | None:
        """Of an open incident; one that has ended may still be telling its last word."""
        return next((w for w in self._open if w.incident.id == incident_id), None)

    @property
    def _open(self) -> Iterable[Worker]:
        return (w for w in self._workers.values() if w.incident.open)

    def _open_on(self, target: Target) -> Worker | None:
        return next((w for w in self._open if w.target.fingerprint == target.fingerprint), None)

    def _taken(self) -> Mapping[str, IncidentId]:
        """Node uid -> the open incident that has it."""
        return {w.target.uid: w.incident.id for w in self._open if w.target.uid}

    def _past_of(self, target: Target) -> list[Incident]:
        """Closed incidents of the target; for one that has yet to choose its node, also those that chose one."""

        def is_its(i: Incident) -> bool:
            chose = target.kind is TargetKind.CHOOSE_NODE and i.chosen is not None and i.serves(target.name)
            return chose or i.target.fingerprint == target.fingerprint

        return [i for i in self._closed.values() if is_its(i)]

    def _tell_halt(self) -> None:
        """The bot was paused or goes on: every open card says so, and who waited for it looks."""
        for worker in self._open:
            self._parts.cards.show(worker.incident)
            worker.wake()

    # Sightings

    def sight(self, target: Target, sighting: Sighting) -> IncidentId | None:
        """A true failure was seen. The id of the incident that it belongs to; `None` when it stays quiet."""
        worker = self._open_on(target) or self._chosen_for(target)
        known = [*([worker.incident] if worker else []), *self._past_of(target)]
        sighting = named_before(sighting, known)
        if worker is not None:
            worker.tell(e.Sighted(at=worker.now(), sighting=sighting))
            return worker.incident.id
        quiet = quiet_of(
            sighting.family, self._past_of(target), self._parts.clock.now(), self._parts.settings.limits
        )
        if quiet is not None:
            self._count_quietly(target, sighting, quiet)
            return None
        return self._begin(target, sighting, None)

    def review(self) -> None:
        """Called every second or so: who waits for an answer that nobody needs any more looks again."""
        for worker in self._open:
            if why_ended(worker.incident, self._parts.world) is not None:
                worker.review()

    def _chosen_for(self, target: Target) -> Worker | None:
        """An incident that chose its node was opened for the RuntimeClass: its pods still name that."""
        if target.node is not None:
            return None
        chosen = (w for w in self._open if w.incident.chosen is not None)
        return next((w for w in chosen if w.incident.serves(target.name)), None)

    def _count_quietly(self, target: Target, sighting: Sighting, quiet: Quiet) -> None:
        old = quiet.incident
        self._echoes[old.id] += 1
        self._parts.cards.show(replace(old, echoes=self._echoes[old.id]))
        now = self._parts.clock.monotonic()
        if not quiet.look or now - self._looked.get(target.fingerprint, -QUIET_LOOK_S) < QUIET_LOOK_S:
            return
        self._looked[target.fingerprint] = now
        look = asyncio.create_task(self._look_at_quiet(target, sighting, old))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look_at_quiet(self, target: Target, sighting: Sighting, old: Incident) -> None:
        if self._gate.tired(target, sighting.family, self._past_of(target)) is not None:
            return
        subject = Subject(old.id, target, (sighting,), self._parts.clock.now())
        if not await self._shows_news(subject, old):
            return
        await self._parts.clock.sleep(CONFIRM_S)
        if await self._shows_news(subject, old) and self._open_on(target) is None:
            self._begin(target, sighting, None)

    async def _shows_news(self, subject: Subject, old: Incident) -> bool:
        try:
            conclusion = await self._parts.looker.look(subject)
        except BotError as error:
            log.info("quiet target not readable", target=subject.target.name, error=str(error))
            return False
        return isinstance(conclusion, Plan | Diagnosis) and is_news(conclusion, old)

    def _begin(self, target: Target, sighting: Sighting | None, actor: Actor | None) -> IncidentId:
        incident_id = new_incident_id()
        opened = e.Opened(at=self._parts.clock.now(), target=target, sighting=sighting, actor=actor)
        worker = Worker(self._parts, fold(incident_id, [opened]), self._taken)
        if sighting is not None:
            self._stop(worker, target, sighting)
        self._workers[incident_id] = worker
        self._tasks[incident_id] = asyncio.create_task(
            self._work_from(opened, worker), name=f"incident {incident_id}"
        )
        return incident_id

    def _stop(self, begun: Worker, target: Target, sighting: Sighting) -> None:
        """Say why it is not asked about, if so. A storm takes back the earlier questions of its family as well."""
        stop = self._gate.stop(begun.incident.id, target, sighting, self._past_of(target))
        if stop is not None:
            begun.tell(stop)
        if isinstance(stop, e.Unasked):
            for worker in self._open:
                if worker.in_storm(sighting.family):
                    worker.unask(stop)

    async def _work_from(self, opened: e.Opened, worker: Worker) -> None:
        try:
            await self._parts.journal.append(worker.incident.id, opened)
        except JournalError as error:
            self._lose(error)
            return
        worker.log(opened)
        await self._work(worker)

    # People

    def repair(self, target: Target, actor: Actor) -> IncidentId:
        """A person asks for a repair: past quiet rules and storms, never past a plan's question."""
        worker = self._open_on(target)
        if worker is None:
            return self._begin(target, None, actor)
        if worker.incident.phase is Phase.UNASKED or worker.unasking:
            worker.tell(e.Picked(at=worker.now(), actor=actor))
        return worker.incident.id

    def held_on(self, node: str) -> Iterable[Worker]:
        return [w for w in self._open if w.incident.phase is Phase.HELD and w.incident.target.name == node]

    def echoes(self) -> Mapping[IncidentId, int]:
        return dict(self._echoes)

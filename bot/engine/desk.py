"""Where sightings and people meet incidents: opens them, keeps one worker per target, and routes what is said.

Everything here is decided without an await, so two sightings of one target cannot open two incidents and two
clicks cannot both be first. Storms and quiet rules block entry only; a worker that runs is never touched by them.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog

from bot.core import entries as e
from bot.core.endings import why_ended
from bot.core.errors import JournalError
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import fold
from bot.core.model import Actor, IncidentId, Sighting, Target, TargetKind
from bot.core.quiet import named_before, quiet_of
from bot.core.recall import recall
from bot.engine.echoes import Echoes
from bot.engine.gate import Gate
from bot.engine.incident_ids import new_incident_id
from bot.engine.parts import Parts
from bot.engine.worker import Worker

log = structlog.get_logger(__name__)

CRASH_PAUSE_S = 5.0
"""After a crash the worker is held and listens on, so that a person can release it."""

LAST_WORD = timedelta(days=1)
"""How long after its end an incident's card is brought up to date by a start of the program."""


class Desk:
    """All incidents of this journal, open and closed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._closed: dict[IncidentId, Incident] = {}
        self.unreadable: Mapping[IncidentId, str] = {}
        self._workers: dict[IncidentId, Worker] = {}
        self._tasks: dict[IncidentId, asyncio.Task[None]] = {}
        self._gate = Gate(parts)
        parts.brake.on_change(self._tell_halt)
        self._echoes = Echoes(parts, self._gate, self._past_of, self._begin_by_news)
        self._journal_lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Start and end

    async def resume(self) -> None:
        """Read the journal and go on with every open incident at its hop. Raises JournalError."""
        recalled = recall(await self._parts.journal.read())
        self.unreadable = recalled.unreadable
        for incident_id, why in self.unreadable.items():
            log.error("incident not readable", incident=incident_id, why=why)
        for incident_id, incident in recalled.incidents.items():
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
        tasks = [*self._tasks.values(), *self._echoes.looks]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        await self.kill()

    async def kill(self) -> None:
        """Drop everything at once, as SIGKILL would; the journal and the nodes know how to go on."""
        tasks = [*self._tasks.values(), *self._echoes.looks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _employ(self, incident: Incident) -> Worker:
        worker = Worker(self._parts, incident, self)
        worker.opened.set()
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

    def taken(self) -> Mapping[str, IncidentId]:
        """Node uid -> the open incident that has it. One that rests stands in nobody's way."""
        return {w.target.uid: w.incident.id for w in self._open if w.target.uid and not w.incident.rests}

    def claim(self, node: Target, claimant: Incident) -> bool:
        """Whether the node is free for this incident; one that rests on it ends."""
        if node.uid in self.taken():
            return False
        for worker in self.resting():
            if worker.target.uid == node.uid:
                worker.settle(f"Incident {claimant.id} takes {node.name} over for a job that waits.")
        return True

    def _past_of(self, target: Target) -> list[Incident]:
        """Closed incidents of the target; for one that has yet to choose its node, also those that chose one."""

        def is_its(i: Incident) -> bool:
            chose = target.kind is TargetKind.CHOOSE_NODE and i.chosen is not None and i.serves(target.name)
            return chose or i.target.fingerprint == target.fingerprint

        telling = (w.incident for w in self._workers.values() if not w.incident.open)  # their last word
        return [i for i in (*self._closed.values(), *telling) if is_its(i)]

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
            seen = e.Sighted(at=worker.now(), sighting=sighting)
            if worker.incident.rests:
                worker.rouse(seen)
                self._stop(worker, target, sighting)
            else:
                worker.tell(seen)
            return worker.incident.id
        quiet = quiet_of(
            sighting.family, self._past_of(target), self._parts.clock.now(), self._parts.settings.limits
        )
        if quiet is not None:
            self._echoes.hear(target, sighting, quiet)
            return None
        return self._begin(target, sighting=sighting)

    def _begin_by_news(self, target: Target, sighting: Sighting) -> None:
        if self._open_on(target) is None:
            self._begin(target, sighting=sighting)

    async def drifted(self, target: Target, swept: e.Swept) -> IncidentId:
        """A sweep found drift: the incident that it belongs to, opened *unasked* when there is none.

        Its first entry is on disk when this returns. It counts for no storm, and a quiet end stays quiet.
        """
        if (worker := self._open_on(target)) is None:
            now, limits = self._parts.clock.now(), self._parts.settings.limits
            if (quiet := quiet_of(None, self._past_of(target), now, limits)) is not None:
                return quiet.incident.id
            worker = self._workers[self._begin(target, swept=swept)]
        await worker.opened.wait()
        return worker.incident.id

    def resting(self) -> list[Worker]:
        """Those of incidents that a sweep opened and that nobody has picked, nor a job needed, yet."""
        return [worker for worker in self._open if worker.incident.rests]

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

    def _begin(
        self,
        target: Target,
        *,
        sighting: Sighting | None = None,
        actor: Actor | None = None,
        swept: e.Swept | None = None,
    ) -> IncidentId:
        incident_id, now = new_incident_id(), self._parts.clock.now()
        opened = e.Opened(at=now, target=target, sighting=sighting, actor=actor, swept=swept)
        worker = Worker(self._parts, fold(incident_id, [opened]), self)
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
        worker.opened.set()
        await self._work(worker)

    # People

    def repair(self, target: Target, actor: Actor) -> IncidentId:
        """A person asks for a repair: past quiet rules and storms, never past a plan's question."""
        worker = self._open_on(target)
        if worker is None:
            return self._begin(target, actor=actor)
        worker.pick(actor)
        return worker.incident.id

    def held_on(self, node: str) -> Iterable[Worker]:
        return [w for w in self._open if w.incident.phase is Phase.HELD and w.incident.target.name == node]

"""The whole engine on simulated ports and a virtual clock, started and killed as often as a test likes."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from bot.adapters.rules_files import load_rules
from bot.core import entries as e
from bot.core import pause, sweep
from bot.core.entries import History
from bot.core.errors import BotError, UnreachableError
from bot.core.facts import NodeFacts
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, CardRef, Consent, Family, IncidentId, Mode, Sighting, Target, TargetKind
from bot.core.pause import PauseRecord
from bot.core.rules import Rule, RuleSet
from bot.core.settings import Settings
from bot.core.sweep import Bulletin, SweepRecord
from bot.engine.approvals import Answer, Approvals, Reply
from bot.engine.brake import Brake
from bot.engine.commands import Commands
from bot.engine.desk import Desk
from bot.engine.fleet import Fleet
from bot.engine.look import Looker
from bot.engine.parts import Parts
from bot.engine.survey import Surveyor
from bot.engine.sweeps import Sweeps
from bot.engine.telling import CardsWithHalt
from bot.engine.upkeep import keep
from bot.views.card import render_card
from bot.views.digest_card import render_digest
from tests.scenarios.simulated import (
    Network,
    QuietWorld,
    SimulatedCluster,
    SimulatedLeases,
    SimulatedNode,
    SimulatedNodes,
)
from tests.scenarios.virtual_time import VirtualClock
from tests.unit.steps import samples

TARGET = Target(TargetKind.NODE, samples.NODE, samples.UID)
SECOND = Target(TargetKind.NODE, "ncn-w002", "7e57-0002")
APPROVER = Actor(via="slack", user="U0APPROVER", team="T0TEAM")
CLASS = Target(TargetKind.CHOOSE_NODE, "kata-qemu")
DAY_S = 24 * 3600
LOOK_AGAIN_S = 300.0
"""Conditions that no entry announces."""


class KilledError(BaseException):
    """SIGKILL, as far as the engine can see: nothing of it runs after this."""


@dataclass
class MemoryJournal:
    """Durable over restarts of the engine. `kill_at` ends the program around the append of that number."""

    id: str = "journal-1"
    written: dict[IncidentId, list[e.Entry]] = field(default_factory=lambda: defaultdict(list))
    appends: int = 0
    kill_at: int | None = None
    kill_before: bool = False
    slow_s: float = 0.0
    slow_notes_s: float = 0.0
    """Of each record of a pause or a sweep."""
    writing: e.Entry | None = None
    """On its way to a slow disk."""
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    paused: list[PauseRecord] = field(default_factory=list)
    swept: list[SweepRecord] = field(default_factory=list)
    unknown: dict[IncidentId, str] = field(default_factory=dict)
    """Of these the last record is of another version."""
    on_append: Callable[[int, e.Entry], None] = lambda number, entry: None
    """Called with each entry as soon as it is written."""

    async def append(self, incident: IncidentId, entry: e.Entry) -> None:
        if self.killed.is_set():
            await asyncio.Event().wait()
        if self.slow_s:
            self.writing = entry
            await asyncio.sleep(self.slow_s)
            self.writing = None
        self.appends += 1
        dies = self.appends == self.kill_at
        if not (dies and self.kill_before):
            self.written[incident].append(e.decode(e.encode(entry)))
        self.news.set()
        self.on_append(self.appends, entry)
        if dies:
            self.killed.set()
            await asyncio.Event().wait()

    async def note_pause(self, record: PauseRecord) -> None:
        if self.killed.is_set():
            await asyncio.Event().wait()
        if self.slow_notes_s:
            await asyncio.sleep(self.slow_notes_s)
        self.paused.append(pause.decode(pause.encode(record)))

    async def note_sweep(self, record: SweepRecord) -> None:
        """Counted among the appends, so that a kill can fall on any of them."""
        if self.killed.is_set():
            await asyncio.Event().wait()
        if self.slow_notes_s:
            await asyncio.sleep(self.slow_notes_s)
        self.appends += 1
        dies = self.appends == self.kill_at
        if not (dies and self.kill_before):
            self.swept.append(sweep.decode(sweep.encode(record)))
        self.news.set()
        if dies:
            self.killed.set()
            await asyncio.Event().wait()

    async def sweeps(self) -> Sequence[SweepRecord]:
        return list(self.swept)

    async def pauses(self) -> Sequence[PauseRecord]:
        return list(self.paused)

    def writing_a(self, entry: str) -> bool:
        return type(self.writing).__name__ == entry

    async def read(self) -> Mapping[IncidentId, History]:
        found = {key: History(tuple(value), self.unknown.get(key, "")) for key, value in self.written.items()}
        return found | {key: History((), why) for key, why in self.unknown.items() if key not in found}


@dataclass
class PaperKey:
    """The ConfigMap's key `pause`."""

    name: str = "ims-remediation-bot/imsbot"
    value: str | None = None
    unreadable: BotError | None = None
    reads: int = 0
    slow_s: float = 0.0

    async def read(self) -> str | None:
        self.reads += 1
        await asyncio.sleep(self.slow_s)
        if self.unreadable is not None:
            raise self.unreadable
        return self.value


@dataclass
class PaperCards:
    """Cards as the last incident that each would show. Every state that a scenario reaches can be drawn."""

    last: dict[IncidentId, Incident] = field(default_factory=dict)
    bulletin: Bulletin | None = None
    """Of the last digest that was shown."""
    delivered: list[tuple[IncidentId, Phase]] = field(default_factory=list)
    down: bool = False
    slow_s: float = 0.0
    broken: bool = False
    """A defect of ours: rendering fails."""

    def show(self, incident: Incident) -> None:
        if self.broken:
            raise RuntimeError("cannot be rendered")
        render_card(incident)
        self.last[incident.id] = incident

    def show_digest(self, bulletin: Bulletin) -> None:
        if self.broken:
            raise RuntimeError("cannot be rendered")
        render_digest(bulletin)
        self.bulletin = bulletin

    async def deliver(self, incident: Incident) -> CardRef | None:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.down:
            raise UnreachableError("Slack is down")
        self.show(incident)
        self.delivered.append((incident.id, incident.phase))
        return CardRef("C0REPAIRS", f"ts-{incident.id}")


def settings(**changes: object) -> Settings:
    slack = {"channel": "C0REPAIRS", "team": APPROVER.team, "approvers": [APPROVER.user]}
    return samples.settings(slack=slack, **changes)


class Stage:
    """Everything that outlives the engine."""

    def __init__(self, **changes: object) -> None:
        self.clock = VirtualClock()
        self.settings = settings(**changes)
        self.node = SimulatedNode()
        self.second = SimulatedNode(SECOND.name, SECOND.uid)
        self.cluster = SimulatedCluster(self.clock, (self.node, self.second))
        self.net = Network()
        self.leases = SimulatedLeases(self.cluster.nodes)
        self.journal = MemoryJournal()
        self.cards = PaperCards()
        self.key = PaperKey()
        self.approvals: dict[Family, Consent] = {}
        self.modes: dict[Family, Mode] = {}
        """What the site's rules say instead of ours."""
        self.sweeping = False
        """Whether this bot sweeps."""
        self.fires_after: Callable[[datetime], datetime | None] = lambda moment: None
        """Its schedule."""

    def _facts(self, raw: bytes) -> NodeFacts:
        found = next(node for node in self.cluster.nodes if node.name == raw.decode())
        if found.puzzling:
            raise RuntimeError("a defect of the bot")
        return found.facts()

    def _rules(self) -> RuleSet:
        def as_here(rule: Rule) -> Rule:
            said = {"approval": self.approvals.get(rule.family), "mode": self.modes.get(rule.family)}
            return rule.model_copy(update={key: value for key, value in said.items() if value is not None})

        return RuleSet(tuple(map(as_here, load_rules().rules)))

    @asynccontextmanager
    async def engine(self) -> AsyncIterator["Engine"]:
        """A running engine; at the end of the block it is killed, not stopped."""
        rules = self._rules()
        nodes = SimulatedNodes(self.cluster.nodes, self.net)
        looker = Looker(
            settings=self.settings,
            rules=rules,
            cluster=self.cluster,
            nodes=nodes,
            clock=self.clock,
            parse=self._facts,
        )
        brake = Brake(self.journal, self.key, self.clock, self.settings.pause.read_s)
        await brake.recall()
        parts = Parts(
            settings=self.settings,
            rules=rules,
            journal=self.journal,
            cluster=self.cluster,
            records=self.cluster,
            nodes=nodes,
            leases=self.leases,
            cards=CardsWithHalt(self.cards, brake),
            world=QuietWorld(self.clock, self.cluster),
            clock=self.clock,
            looker=looker,
            fleet=Fleet(self.settings.limits.concurrent_repairs),
            brake=brake,
        )
        desk = Desk(parts)
        sweeps = Sweeps(parts, Surveyor(self.settings, self.cluster, looker, self.clock), desk)
        await desk.resume()
        background = [asyncio.create_task(keep("pause", brake.run, self.clock))]
        if self.sweeping:
            await sweeps.resume(self.fires_after)
            background.append(asyncio.create_task(keep("sweeps", sweeps.run, self.clock)))
        try:
            yield Engine(self, desk, brake, sweeps)
        finally:
            for task in background:
                task.cancel()
            ends = await asyncio.gather(*background, return_exceptions=True)
            await desk.kill()
            assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    def sighting(
        self, family: Family = Family.HANDLER_NOT_CONFIGURED, pod: str = "cray-ims-1-create-abcde"
    ) -> Sighting:
        return Sighting(
            family=family,
            rule=str(family),
            kind="Pod",
            namespace="ims",
            name=pod,
            uid=f"p-{pod}",
            job="1",
            job_name=pod.rpartition("-")[0],
            runtime_class="kata-qemu",
            message="a test",
            at=self.clock.now(),
        )

    @property
    def entries(self) -> list[e.Entry]:
        """Of the only incident."""
        (only,) = self.journal.written.values()
        return only


class Engine:
    def __init__(self, stage: Stage, desk: Desk, brake: Brake, sweeps: Sweeps) -> None:
        self.stage = stage
        self.desk = desk
        self.brake = brake
        self.sweeps = sweeps
        self.approvals = Approvals(desk, brake, stage.settings.slack)
        self.commands = Commands(desk, self.approvals, QuietWorld(stage.clock, stage.cluster))  # type: ignore[arg-type]

    def sight(self, family: Family = Family.HANDLER_NOT_CONFIGURED, target: Target = TARGET) -> IncidentId | None:
        return self.desk.sight(target, self.stage.sighting(family))

    async def ticks(self, seconds: float) -> None:
        """Time passes, and the intake's timer with it."""
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            self.desk.review()

    @property
    def only(self) -> Incident:
        (incident,) = self.desk.incidents()
        return incident

    async def until(
        self, true: Callable[[], bool], within_s: float = 2 * DAY_S, step_s: float = LOOK_AGAIN_S
    ) -> None:
        """Let virtual time pass until `true`, or the program was killed."""
        deadline = self.stage.clock.monotonic() + within_s
        while not true() and not self.stage.journal.killed.is_set():
            assert self.stage.clock.monotonic() < deadline, self._seen()
            self.stage.journal.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(step_s):
                    await self.stage.journal.news.wait()
            await asyncio.sleep(0)

    def _seen(self) -> str:
        seen = [f"{i.id} {i.phase} {i.held}{i.closed.why if i.closed else ''}" for i in self.desk.incidents()]
        return f"never true; incidents: {seen}"

    async def until_phase(self, phase: Phase) -> Incident:
        await self.until(lambda: bool(self.desk.incidents()) and self.only.phase is phase)
        return self.only if self.desk.incidents() else None  # type: ignore[return-value]

    def answer(self, approve: bool = True, actor: Actor = APPROVER) -> Reply:
        return self.answer_of(self.only, approve, actor)

    def answer_of(self, incident: Incident, approve: bool = True, actor: Actor = APPROVER) -> Reply:
        assert incident.plan is not None
        reply, _ = self.approvals.answer(Answer(incident.id, incident.plan.digest, approve, actor))
        return reply

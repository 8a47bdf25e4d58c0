"""Any weather: people, kills, cuts, clocks and lost answers at random moments, and what must be true all the same.

Each seed is one story of some days. It is judged by the world that the bot leaves behind and by its journal.
"""

import asyncio
import random
from collections.abc import Callable, Mapping

import pytest

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind
from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import fold
from bot.core.marks import CORDON, HOLD
from bot.core.model import Actor, Family, IncidentId
from tests.scenarios.harness import SECOND, TARGET, Engine, Stage
from tests.scenarios.simulated import SimulatedNode
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")
STORIES = 30
COMMANDS = ("validate", "replace", "arm", "restart", "disarm", "sandbox", "restore")
USUAL = dict.fromkeys(COMMANDS, 8.0)
SAID = 'failed to get sandbox runtime: no runtime for "kata-qemu" is configured'


def whole_files() -> set[str]:
    """The node's own file, as a person may have edited it, with and without our handlers."""
    found = {samples.CONFIG, samples.CONFIG.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')}
    merged = [merge(text.encode()) for text in found]
    return found | {m.after.decode() for m in merged if isinstance(m, Merged)}


WHOLE = whole_files()


class Weather:
    """What may happen at any moment, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.stage = Stage()
        for node in self.nodes:
            node.slow.update(USUAL)
        self.persons: set[str] = set()
        """Nodes that a person took over."""
        self.told: list[str] = []

    @property
    def nodes(self) -> tuple[SimulatedNode, SimulatedNode]:
        return self.stage.node, self.stage.second

    def happen(self, engine: Engine) -> None:
        happens: Mapping[Callable[[Engine], None], int] = {
            self.sight: 6,
            self.answer: 8,
            self.abort: 1,
            self.release: 3,
            self.repair: 1,
            self.cut: 2,
            self.mend: 6,
            self.slow: 3,
            self.lose_an_answer: 2,
            self.lose_the_lease: 2,
            self.set_the_clock: 1,
            self.edit_the_file: 1,
            self.take_over: 1,
            self.api: 1,
        }
        act = self.random.choices(list(happens), weights=list(happens.values()))[0]
        self.told.append(act.__name__)
        act(engine)

    def sight(self, engine: Engine) -> None:
        family = self.random.choice([Family.HANDLER_NOT_CONFIGURED] * 3 + [Family.SHIM_MISSING])
        engine.sight(family, self.random.choice([TARGET, SECOND]))

    def answer(self, engine: Engine) -> None:
        asked = [i for i in engine.desk.incidents() if i.plan is not None and i.open]
        if asked:
            engine.answer_of(self.random.choice(asked), approve=self.random.random() < 0.85)

    def abort(self, engine: Engine) -> None:
        if incidents := engine.desk.incidents():
            engine.commands.abort(self.random.choice(incidents).id, ROOT)

    def release(self, engine: Engine) -> None:
        engine.commands.release(self.random.choice(self.nodes).name, ROOT)

    def repair(self, engine: Engine) -> None:
        engine.commands.repair(self.random.choice(self.nodes).name, ROOT)

    def cut(self, engine: Engine) -> None:
        self.stage.net.down = True

    def mend(self, engine: Engine) -> None:
        self.stage.net.down = self.stage.cluster.down = self.stage.leases.held_by_other = False
        self.stage.cards.down = False
        for node in self.nodes:
            node.slow.update(USUAL)
            node.broken.clear()

    def slow(self, engine: Engine) -> None:
        node = self.random.choice(self.nodes)
        node.slow[self.random.choice(COMMANDS)] = 45.0
        if self.random.random() < 0.3:
            node.broken[self.random.choice(COMMANDS)] = Outcome(OutcomeKind.FAILED, 1, SAID)

    def lose_an_answer(self, engine: Engine) -> None:
        self.stage.cluster.lose_answers = 1

    def lose_the_lease(self, engine: Engine) -> None:
        self.stage.leases.lease.alive = False
        self.stage.leases.held_by_other = self.random.random() < 0.5

    def set_the_clock(self, engine: Engine) -> None:
        self.stage.clock.wall_offset_s = self.random.choice([-7200.0, -30.0, 0.0, 600.0])

    def edit_the_file(self, engine: Engine) -> None:
        node = self.random.choice(self.nodes)
        node.content = node.content.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')

    def take_over(self, engine: Engine) -> None:
        node = self.random.choice(self.nodes)
        if node.annotations.pop(CORDON, None):
            self.persons.add(node.name)
        elif self.random.random() < 0.5:
            node.annotations[HOLD] = "hands off"
        else:
            node.annotations.pop(HOLD, None)

    def api(self, engine: Engine) -> None:
        self.stage.cluster.down = True
        self.stage.cards.down = True


async def story(weather: Weather) -> None:
    """Some days of weather, then good weather and a person who cleans up."""
    stage, chance = weather.stage, weather.random
    for _ in range(4):
        if chance.random() < 0.8:
            stage.journal.kill_at = stage.journal.appends + chance.randint(1, 25)
            stage.journal.kill_before = chance.random() < 0.5
        async with stage.engine() as engine:
            for _ in range(chance.randint(5, 25)):
                if stage.journal.killed.is_set():
                    break
                weather.happen(engine)
                await asyncio.sleep(chance.choice([0.0, 0.3, 2.0, 15.0, 70.0, 400.0, 4000.0]))
            if not stage.journal.killed.is_set() and chance.random() < 0.5:
                await engine.desk.stop(10)
        weather.told.append("dies")
        stage.journal.killed.clear()
        stage.journal.kill_at = None
    await clean_up(weather)


async def clean_up(weather: Weather) -> None:
    stage = weather.stage
    async with stage.engine() as engine:
        weather.mend(engine)
        for node in weather.nodes:
            node.annotations.pop(HOLD, None)
        for _ in range(100):
            await asyncio.sleep(600)
            for node in weather.nodes:
                engine.commands.release(node.name, ROOT)
            if all(not i.open for i in engine.desk.incidents()):
                return
        raise AssertionError(f"still open: {[(i.id, i.phase, i.held) for i in engine.desk.incidents() if i.open]}")


def folded(stage: Stage) -> list[Incident]:
    return [fold(key, entries) for key, entries in stage.journal.written.items()]


def judge(weather: Weather) -> None:
    stage = weather.stage
    assert [] == stage.leases.released_early
    assert 1 >= stage.leases.most
    for node in weather.nodes:
        assert len(set(node.ran)) == len(node.ran), "no unit runs twice"
        assert node.cordoned == (node.name in weather.persons and node.cordoned), "no cordon of ours is left"
        assert CORDON not in node.annotations
        assert node.content in WHOLE, "torn"
    assert stage.cluster.canary is None
    for key, entries in stage.journal.written.items():
        judge_entries(key, entries)


def judge_entries(key: IncidentId, entries: list[e.Entry]) -> None:
    times = [entry.at for entry in entries]
    assert sorted(times) == times, "time goes back in the journal"
    closed = [n for n, entry in enumerate(entries) if isinstance(entry, e.Closed)]
    assert len(entries) - 1 <= min(closed, default=len(entries)) + 1, "nothing but a card follows the end"
    intents = [entry.seq for entry in entries if isinstance(entry, e.Intended)]
    assert sorted(set(intents)) == intents
    for number, entry in enumerate(entries):
        if isinstance(entry, e.Intended):
            before = fold(key, entries[:number])
            assert before.phase in {Phase.RUNNING, Phase.UNDOING}, (key, entry.key, before.phase)
            assert before.answer is not None, (key, entry.key)
            assert before.answer.approve
            assert before.plan is not None
            assert before.answer.digest == before.plan.digest
            assert before.release or not before.unsettled, "one command at a time"
            if not before.touched:
                waited_s = (entry.at - before.answer.at).total_seconds()
                assert waited_s < 900 + 120, "an approval that is too old started nothing"


@pytest.mark.parametrize("seed", range(STORIES))
def test_whatever_happens_nothing_is_left_behind(seed: int) -> None:
    weather = Weather(seed)
    try:
        run_virtually(story(weather))
        judge(weather)
    except BaseException as error:
        error.add_note(f"seed {seed}: {' '.join(weather.told)}")
        raise

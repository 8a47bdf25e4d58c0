"""What is heard again after an end, and what must not be lost while one is told."""

import asyncio

import pytest

from bot.core.action import Outcome, OutcomeKind
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, Family, IncidentId, Result
from tests.scenarios.harness import CLASS, DAY_S, SECOND, TARGET, Engine, Stage
from tests.scenarios.test_repair import approved
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


def newest(engine: Engine) -> Incident:
    return engine.desk.incidents()[0]


async def heard(engine: Engine, within_s: float = 1200.0, family: Family = Family.HANDLER_NOT_CONFIGURED) -> bool:
    """The kubelet says it again and again; whether a new incident comes of it."""
    known = {i.id for i in engine.desk.incidents()}
    for _ in range(int(within_s / 15)):
        engine.sight(family)
        await asyncio.sleep(15)
        if {i.id for i in engine.desk.incidents()} - known:
            return True
    return False


def break_the_repair(stage: Stage) -> None:
    said = 'failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
    stage.node.broken["sandbox"] = Outcome(OutcomeKind.FAILED, 1, said)


def test_a_node_that_could_not_be_read_is_asked_about_again_once_it_can() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            stage.net.down = True
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.DIAGNOSED is incident.result
            assert not await heard(engine)
            stage.net.down = False
            assert await heard(engine)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)

    run_virtually(scenario())


def test_a_repair_whose_start_fails_for_good_is_not_asked_about_every_ten_minutes() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            stage.node.epoch_damaged = True
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.DIAGNOSED is incident.result
            assert "could not start" in incident.closed.why
            assert not await heard(engine, within_s=4 * 3600)

    run_virtually(scenario())


def test_a_quiet_node_whose_runtime_does_not_answer_once_is_no_news() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.answer(approve=False)
            await engine.until(lambda: not engine.only.open)
            stage.node.deaf_reads = 1
            assert not await heard(engine)
            assert 0 == stage.node.deaf_reads
            stage.node.deaf_reads = 10
            assert await heard(engine)

    run_virtually(scenario())


def test_after_a_repair_that_a_person_asked_for_a_restored_node_is_heard_again() -> None:
    async def scenario() -> None:
        stage = Stage()
        break_the_repair(stage)
        async with stage.engine() as engine:
            await approved(engine)
            assert Result.RESTORED is (await engine.until_phase(Phase.CLOSED)).result
            assert not await heard(engine, within_s=2 * DAY_S / 10)
            stage.node.broken.clear()
            ok, _, _ = engine.commands.repair(samples.NODE, ROOT)
            assert ok
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            engine.answer_of(newest(engine))
            await engine.until(lambda: newest(engine).phase is Phase.CLOSED)
            assert Result.HEALED is newest(engine).result
            await asyncio.sleep(DAY_S)
            stage.node.content = stage.node.loaded = samples.CONFIG
            assert await heard(engine)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)

    run_virtually(scenario())


def test_people_are_told_when_a_node_was_repaired_too_often() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            for _ in range(2):
                assert await heard(engine)
                await engine.until(lambda: newest(engine).phase is Phase.ASKED)
                engine.answer_of(newest(engine))
                await engine.until(lambda: newest(engine).phase is Phase.CLOSED)
                assert Result.HEALED is newest(engine).result
                stage.node.content = stage.node.loaded = samples.CONFIG
            assert await heard(engine)
            await engine.until(lambda: newest(engine).phase is Phase.CLOSED)
            third = newest(engine)
            assert Result.DIAGNOSED is third.result
            assert "2 times lately" in third.closed.why
            assert (third.id, Phase.CLOSED) == stage.cards.delivered[-1]
            assert not await heard(engine, within_s=6 * 3600), "once is enough"
            await asyncio.sleep(DAY_S)
            assert await heard(engine)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)

    run_virtually(scenario())


def test_what_is_seen_or_asked_while_the_last_word_is_told_opens_a_new_incident() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            first = await engine.until_phase(Phase.ASKED)
            stage.cards.slow_s = 60.0
            engine.answer(approve=False)
            await engine.until(lambda: not engine.only.open)
            await asyncio.sleep(1)
            assert engine.desk.worker(first.id) is None
            ok, _, second = engine.commands.repair(samples.NODE, ROOT)
            assert ok
            assert first.id != second
            ok, _, _ = engine.commands.abort(first.id, ROOT)
            assert not ok
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            assert IncidentId(second) == newest(engine).id

    run_virtually(scenario())


def unlabelled(stage: Stage) -> None:
    stage.cluster.labelled = False
    for node in (stage.node, stage.second):
        node.labels = {}
        node.content = node.loaded = samples.CONFIGURED


def test_a_label_that_was_denied_is_heard_of_again_when_another_node_is_picked() -> None:
    async def scenario() -> None:
        stage = Stage()
        unlabelled(stage)
        async with stage.engine() as engine:
            engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS)
            await engine.until_phase(Phase.ASKED)
            assert TARGET == engine.only.target
            engine.answer(approve=False)
            await engine.until_phase(Phase.CLOSED)
            await asyncio.sleep(700)
            assert engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS) is None
            await asyncio.sleep(700)
            assert 1 == len(engine.desk.incidents())
            stage.node.cordoned = True
            engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            assert SECOND == newest(engine).target

    run_virtually(scenario())


def test_the_label_is_not_offered_to_a_node_with_an_incident_of_its_own() -> None:
    async def scenario() -> None:
        stage = Stage()
        unlabelled(stage)
        stage.node.content = stage.node.loaded = samples.CONFIG
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.second.cordoned = True
            engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS)
            await engine.until(lambda: newest(engine).phase is Phase.CLOSED)
            assert any("open incident" in line for line in newest(engine).diagnosis.guidance)
            stage.second.cordoned = False
            await asyncio.sleep(700)
            engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            assert SECOND == newest(engine).target

    run_virtually(scenario())


def test_a_node_that_is_being_chosen_gets_no_second_incident() -> None:
    async def scenario() -> None:
        stage = Stage()
        unlabelled(stage)
        async with stage.engine() as engine:
            chosen = engine.sight(Family.UNSCHEDULABLE_LABEL, CLASS)
            stage.journal.slow_s = 3.0
            await engine.until(lambda: stage.journal.writing_a("Chosen"), step_s=0.5)
            assert chosen == engine.sight()
            await engine.until_phase(Phase.ASKED)

    run_virtually(scenario())


def test_a_worker_that_crashes_again_and_again_can_still_be_released() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.cluster.defects = 1_000_000
            await engine.until_phase(Phase.HELD)
            await asyncio.sleep(3600)
            assert stage.node.cordoned
            held = len(stage.entries)
            await asyncio.sleep(3600)
            assert held == len(stage.entries), "a defect does not fill the disk"
            stage.cluster.defects = 0
            engine.commands.release(samples.NODE, ROOT)
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.RESTORED is incident.result
            assert not stage.node.cordoned
            engine.sight(target=SECOND)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            engine.answer_of(newest(engine))
            await engine.until(lambda: newest(engine).phase is Phase.CLOSED)
            assert Result.HEALED is newest(engine).result

    run_virtually(scenario())


def test_a_failure_that_is_heard_while_the_last_word_is_told_stays_as_quiet_as_after_it() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.cards.slow_s = 60
            engine.answer(approve=False)
            await engine.until(lambda: newest(engine).phase is Phase.CLOSED, step_s=1)
            assert engine.sight() is None
            await asyncio.sleep(120)
            assert Result.DENIED is engine.only.result

    run_virtually(scenario())


@pytest.mark.parametrize("broken", [True, False])
def test_who_asks_for_a_repair_gets_a_look_whatever_hangs_there_without_a_word(broken: bool) -> None:
    """The kubelet's words are long gone, and the timer only sees that a pod hangs."""

    async def scenario() -> None:
        stage = Stage()
        if not broken:
            stage.node.content = stage.node.loaded = samples.CONFIGURED
        async with stage.engine() as engine:
            assert engine.commands.repair(samples.NODE, ROOT)[0]
            engine.sight(Family.AMBIGUOUS)
            if broken:
                await engine.until_phase(Phase.ASKED)
                engine.answer()
                assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
            else:
                incident = await engine.until_phase(Phase.CLOSED)
                assert Result.DIAGNOSED is incident.result
                assert incident.diagnosis is not None
                assert incident.diagnosis.guidance

    run_virtually(scenario())

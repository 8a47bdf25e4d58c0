"""Commands at the worst moment: begun twice, abandoned, refused, or run for a node that is no longer ours."""

import asyncio

from bot.core import entries as e
from bot.core.action import OutcomeKind
from bot.core.incident import Phase
from bot.core.marks import CORDON
from bot.core.model import Actor, Result
from tests.scenarios.harness import SECOND, TARGET, Engine, Stage
from tests.scenarios.test_repair import approved, assert_given_back
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


def ran(stage: Stage, key: str) -> int:
    return sum(unit.endswith(f"-{key}") for unit in stage.node.ran)


async def until_running(engine: Engine, stage: Stage, key: str) -> None:
    await engine.until(lambda: any(unit.endswith(f"-{key}") for unit in stage.node.running), step_s=0.5)


def test_a_kill_while_a_command_begins_does_not_release_the_lease() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["restart"] = 40.0
        async with stage.engine() as engine:
            stage.net.answer_s = 5.0
            await approved(engine)
            await until_running(engine, stage, "restart")
            # killed while the node's answer is on its way
        assert [] == stage.leases.released_early
        stage.net.answer_s = 0.0
        async with stage.engine() as engine:
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert 1 == ran(stage, "restart")
        assert [] == stage.leases.released_early

    run_virtually(scenario())


def test_a_node_that_cannot_be_reached_after_a_kill_keeps_the_lease_while_its_command_may_run() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["restart"] = 100.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "restart")
            await asyncio.sleep(5)
        stage.net.down = True
        async with stage.engine() as engine:
            await asyncio.sleep(60)
            stage.net.down = False
            await engine.until_phase(Phase.CLOSED)
        assert [] == stage.leases.released_early

    run_virtually(scenario())


def test_an_abort_after_a_kill_waits_for_the_command_that_still_runs() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["replace"] = 60.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "replace")
            await asyncio.sleep(5)
        async with stage.engine() as engine:
            engine.commands.abort(engine.only.id, ROOT)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert samples.CONFIG == stage.node.content, "the edit ended after its undo"
        assert set() == stage.node.running
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_command_that_our_own_newer_epoch_refused_is_begun_again() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.node.epoch += 1  # minted by the same bot, whose answer was lost
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        refused = [x for x in stage.entries if isinstance(x, e.Ended) and "epoch" in x.outcome.output]
        assert [OutcomeKind.UNKNOWN] == [x.outcome.kind for x in refused]
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_lease_that_went_stale_while_the_entry_was_written_starts_nothing() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.journal.slow_s = 2.0
            await engine.until(lambda: isinstance(stage.entries[-1], e.StepEnded))
            before = list(stage.node.ran)
            stage.leases.held_by_other = True

            def intended() -> bool:
                return stage.journal.writing is not None and isinstance(stage.journal.writing, e.Intended)

            await engine.until(intended, step_s=0.5)
            stage.leases.lease.alive = False
            await asyncio.sleep(30)
            assert before == stage.node.ran
            stage.journal.slow_s = 0.0
            stage.leases.held_by_other = False
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_node_that_was_rebuilt_in_the_middle_is_left_alone() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["validate"] = 30.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "validate")
            stage.node.gone = True
            before = list(stage.node.ran)
            incident = await engine.until_phase(Phase.HELD)
            assert "is gone" in incident.held
            assert before == stage.node.ran
            ok, _, _ = engine.commands.release(samples.NODE, ROOT)
            assert ok
            assert Result.RESTORED is (await engine.until_phase(Phase.CLOSED)).result

    run_virtually(scenario())


def test_a_cordon_whose_answer_was_lost_is_still_ours_and_a_person_can_still_take_it() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.lose_answers = 1
        stage.node.slow["validate"] = 30.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "validate")
            assert stage.node.cordoned
            del stage.node.annotations[CORDON]
            before = list(stage.node.ran)
            incident = await engine.until_phase(Phase.HELD)
            assert "a person changed it" in incident.held
            assert before == stage.node.ran

    run_virtually(scenario())


def test_nothing_is_resumed_days_later_that_had_not_touched_the_node() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            stage.journal.kill_at = 6  # opened, planned, card, asked, answered, started
            await approved(engine)
            await engine.until(lambda: False)
        assert isinstance(stage.entries[-1], e.Started)
        stage.journal.killed.clear()
        stage.journal.kill_at = None
        await asyncio.sleep(3 * 24 * 3600)
        async with stage.engine() as engine:
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            await asyncio.sleep(60)
            assert [] == stage.node.ran
            assert [] == stage.cluster.applied
            engine.answer()
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_start_that_waits_for_an_earlier_command_does_not_outlive_its_approval() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.running.add("imsbot-earlier-3-unpack")
        async with stage.engine() as engine:
            await approved(engine)
            await asyncio.sleep(14 * 60 + 30)
            stage.net.slow_s = 60.0
            stage.node.running.clear()
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            assert [] == stage.node.ran
        assert [] == stage.leases.released_early

    run_virtually(scenario())


def test_two_blips_far_apart_are_not_one_long_outage() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["validate"] = 700.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "validate")
            stage.net.down = True
            await asyncio.sleep(5)
            stage.net.down = False
            await engine.until(lambda: stage.node.rollback is not None)
            stage.net.down = True
            await asyncio.sleep(5)
            stage.net.down = False
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert not any(isinstance(x, e.Held) for x in stage.entries)

    run_virtually(scenario())


def test_facts_that_cannot_be_read_for_a_moment_do_not_hold_a_repair() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.rollback is not None)
            stage.node.unreadable = True
            await asyncio.sleep(20)
            stage.node.unreadable = False
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert_given_back(stage)

    run_virtually(scenario())


def test_facts_that_stay_unreadable_hold_it_and_say_which() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.rollback is not None)
            stage.node.unreadable = True
            incident = await engine.until_phase(Phase.HELD)
        assert "reading its facts" in incident.held

    run_virtually(scenario())


def test_a_repair_that_waits_for_a_foreign_lease_keeps_no_other_one_waiting() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.leases.foreign.add(TARGET.fingerprint)
        async with stage.engine() as engine:
            first = engine.sight()
            second = engine.sight(target=SECOND)
            await engine.until(lambda: [i.phase for i in engine.desk.incidents()] == [Phase.ASKED] * 2)
            for incident in engine.desk.incidents():
                engine.answer_of(incident)
            began = stage.clock.monotonic()
            await engine.until(lambda: engine.desk.find(second).phase is Phase.CLOSED)
            assert Result.HEALED is engine.desk.find(second).result
            assert stage.clock.monotonic() - began < 300
            assert Phase.APPROVED is engine.desk.find(first).phase

    run_virtually(scenario())


def test_a_repair_under_way_keeps_its_place_over_a_restart() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["validate"] = 60.0
        async with stage.engine() as engine:
            engine.sight()
            engine.sight(target=SECOND)
            await engine.until(lambda: [i.phase for i in engine.desk.incidents()] == [Phase.ASKED] * 2)
            for incident in engine.desk.incidents():
                engine.answer_of(incident)
            await until_running(engine, stage, "validate")
        stage.net.down = True
        async with stage.engine() as engine:
            await asyncio.sleep(120)
            stage.net.down = False
            await engine.until(lambda: all(not i.open for i in engine.desk.incidents()))
            assert [Result.HEALED] * 2 == [i.result for i in engine.desk.incidents()]
        assert 1 == stage.cluster.cordons

    run_virtually(scenario())

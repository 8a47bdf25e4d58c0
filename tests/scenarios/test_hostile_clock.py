"""Clocks that jump, outages that last, parts that crash, and a program that is stopped in the middle."""

import asyncio

import pytest

from bot.core import entries as e
from bot.core.errors import JournalError
from bot.core.facts.ours import Rollback
from bot.core.incident import Phase
from bot.core.model import Result
from bot.engine.upkeep import keep
from tests.scenarios.harness import Stage
from tests.scenarios.test_hostile_commands import ran, until_running
from tests.scenarios.test_repair import approved, assert_given_back
from tests.scenarios.virtual_time import VirtualClock, run_virtually
from tests.unit.steps import samples


@pytest.mark.parametrize("jump_s", [-3 * 3600, 3600], ids=["set back", "set forward"])
def test_a_step_of_the_wall_clock_extends_no_wait(jump_s: float) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.canary_verdict = "hangs"
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.cluster.canary is not None, step_s=1)
            began = stage.clock.monotonic()
            stage.clock.wall_offset_s = jump_s
            incident = await engine.until_phase(Phase.CLOSED)
            assert stage.clock.monotonic() - began < 400
        assert Result.UNPROVEN is incident.result
        assert_given_back(stage)
        times = [x.at for x in stage.entries]
        assert sorted(times) == times

    run_virtually(scenario())


def test_a_clock_that_is_set_back_between_two_starts_extends_no_approval() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.leases.held_by_other = True
        async with stage.engine() as engine:
            await approved(engine)
            await asyncio.sleep(60)
        stage.clock.wall_offset_s = -6 * 3600
        async with stage.engine() as engine:
            began = stage.clock.monotonic()
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            assert stage.clock.monotonic() - began < 16 * 60

    run_virtually(scenario())


def test_slack_down_for_hours_then_back_asks_with_the_whole_time_to_answer() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cards.down = True
        async with stage.engine() as engine:
            engine.sight()
            await asyncio.sleep(9 * 3600)
            assert Phase.PLANNED is engine.only.phase
            stage.cards.down = False
            await engine.until_phase(Phase.ASKED)
            asked = engine.only.asked
            assert asked is not None
            assert pytest.approx((asked.expires_at - stage.clock.now()).total_seconds(), abs=60) == 4 * 3600
            stage.cards.down = True
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.EXPIRED is incident.result
            assert Phase.CLOSED is stage.cards.last[incident.id].phase, "wanted as soon as Slack is back"
        assert [] == stage.node.ran

    run_virtually(scenario())


def test_the_api_down_for_twenty_minutes_in_the_middle_holds_the_repair_and_says_why() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.cluster.down = True
            await asyncio.sleep(1200)
            assert Phase.HELD is engine.only.phase
            assert "the API server" in engine.only.held
            assert stage.node.cordoned

    run_virtually(scenario())


def test_the_api_down_for_five_minutes_in_the_middle_delays_the_repair() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.cluster.down = True
            await asyncio.sleep(300)
            stage.cluster.down = False
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_an_api_server_that_forbids_for_a_moment_stops_neither_a_look_nor_a_repair() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.forbids = True
        async with stage.engine() as engine:
            engine.sight()
            await asyncio.sleep(2)
            stage.cluster.forbids = False
            await engine.until_phase(Phase.ASKED)
            engine.answer()
            await engine.until(lambda: stage.node.cordoned)
            stage.cluster.forbids = True
            await asyncio.sleep(60)
            stage.cluster.forbids = False
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_node_that_went_back_by_itself_while_the_bot_was_dead_is_given_back() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["restart"] = 30.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "restart")
        await asyncio.sleep(3600)
        stage.node.content = stage.node.loaded = samples.CONFIG
        stage.node.rollback = Rollback(next(iter(stage.journal.written)), fired=True, armed=False)
        async with stage.engine() as engine:
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert "went back to the old configuration itself" in incident.closed.why
        assert 1 == ran(stage, "restart")
        assert_given_back(stage)

    run_virtually(scenario())


def test_sigterm_in_a_long_command_starts_nothing_more_and_keeps_the_lease() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["replace"] = 300.0
        async with stage.engine() as engine:
            await approved(engine)
            await until_running(engine, stage, "replace")
            before = list(stage.node.ran)
            began = stage.clock.monotonic()
            await engine.desk.stop(10)
            assert stage.clock.monotonic() - began <= 10
        assert before == stage.node.ran
        assert [] == stage.leases.released_early
        async with stage.engine() as engine:
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert 1 == ran(stage, "replace")
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_part_that_crashes_begins_anew_ever_more_slowly_and_ends_nobody_else() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        starts: list[float] = []

        async def crashing() -> None:
            starts.append(clock.monotonic())
            if len(starts) == 6:
                await asyncio.sleep(3600)
            raise RuntimeError("a defect")

        kept = asyncio.create_task(keep("test", crashing, clock))
        await asyncio.sleep(3 * 3600)
        assert not kept.done()
        kept.cancel()
        assert [0.0, 1.0, 6.0, 21.0, 81.0, 141.0, 3742.0] == starts[:7]

    run_virtually(scenario())


def test_a_part_that_lost_the_journal_ends_the_program() -> None:
    async def lost() -> None:
        raise JournalError("the disk is full")

    with pytest.raises(JournalError):
        run_virtually(keep("test", lost, VirtualClock()))

"""What cuts a repair short: a lost Lease, a stop, a kill in the middle of the undo, another node's repair."""

import asyncio

import pytest

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind
from bot.core.incident import Phase
from bot.core.model import Result
from bot.engine.approvals import Answer
from tests.scenarios.harness import APPROVER, SECOND, Engine, Stage
from tests.scenarios.test_repair import approved, assert_given_back, entries_of
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples


def test_after_a_lost_lease_no_command_starts_until_it_is_held_again_with_a_newer_epoch() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.leases.held_by_other = True
            stage.leases.lease.alive = False
            ran = len(stage.node.ran)
            await asyncio.sleep(60)
            assert len(stage.node.ran) <= ran + 1, "the act that had begun may end, no other one begins"
            stage.leases.held_by_other = False
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        epochs = [x.epoch for x in stage.entries if isinstance(x, e.Started)]
        assert sorted(set(epochs)) == epochs
        assert 2 <= len(epochs)
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_stopped_bot_goes_on_where_it_was() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            await engine.desk.stop(10)
            assert stage.node.cordoned
        async with stage.engine() as engine:
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert_given_back(stage)

    run_virtually(scenario())


def test_only_one_node_is_repaired_at_a_time() -> None:
    async def answer_all(engine: Engine) -> None:
        for incident in engine.desk.incidents():
            assert incident.plan is not None
            engine.approvals.answer(Answer(incident.id, incident.plan.digest, True, APPROVER))

    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            engine.sight(target=SECOND)
            await engine.until(lambda: [i.phase for i in engine.desk.incidents()] == [Phase.ASKED] * 2)
            await answer_all(engine)
            await engine.until(lambda: all(not i.open for i in engine.desk.incidents()))
            assert [Result.HEALED] * 2 == [i.result for i in engine.desk.incidents()]
        assert 1 == stage.cluster.cordons
        assert 1 == stage.leases.most

    run_virtually(scenario())


def story_that_fails(stage: Stage) -> None:
    stage.node.broken["sandbox"] = Outcome(
        OutcomeKind.FAILED, 1, 'failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
    )


@pytest.mark.parametrize("before", [True, False], ids=["entry-lost", "entry-written"])
def test_killed_at_every_entry_of_a_failing_repair_everything_is_put_back(before: bool) -> None:
    for number in range(6, entries_of(story_that_fails) + 1):

        async def scenario(number: int = number) -> None:
            stage = Stage()
            story_that_fails(stage)
            stage.journal.kill_at, stage.journal.kill_before = number, before
            async with stage.engine() as engine:
                await approved(engine)
                await engine.until_phase(Phase.CLOSED)
            stage.journal.killed.clear()
            stage.journal.kill_at = None
            async with stage.engine() as engine:
                incident = await engine.until_phase(Phase.CLOSED)
            assert Result.RESTORED is incident.result, number
            assert samples.CONFIG == stage.node.content
            assert_given_back(stage)

        run_virtually(scenario())

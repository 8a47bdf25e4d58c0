"""A held incident always has a way out: whatever a person, the node or the program did meanwhile."""

import asyncio

import pytest

from bot.core import entries as e
from bot.core.action import DeleteCanary, Outcome, OutcomeKind
from bot.core.incident import Phase
from bot.core.marks import CORDON, HOLD
from bot.core.model import Actor, Result
from tests.scenarios.harness import Engine, Stage
from tests.scenarios.test_repair import approved
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


async def held(engine: Engine, stage: Stage) -> None:
    """The node went away in the middle of the repair."""
    await approved(engine)
    await engine.until(lambda: stage.node.cordoned)
    stage.net.down = True
    await engine.until_phase(Phase.HELD)


async def release(engine: Engine) -> Result | None:
    ok, words, _ = engine.commands.release(samples.NODE, ROOT)
    assert ok, words
    return (await engine.until_phase(Phase.CLOSED)).result


def test_a_dead_node_is_released_through_the_api_alone() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            assert Result.RESTORED is await release(engine)
        assert stage.net.down
        assert not stage.node.cordoned
        assert {} == stage.node.annotations

    run_virtually(scenario())


def test_a_release_waits_for_a_command_that_still_runs_where_the_node_can_be_asked() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["validate"] = 1200.0
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: bool(stage.node.running), step_s=1)
            stage.net.down = True
            await engine.until_phase(Phase.HELD)
            stage.net.down = False
            assert stage.node.running
            assert Result.RESTORED is await release(engine)
            assert set() == stage.node.running
        assert [] == stage.leases.released_early

    run_virtually(scenario())


def test_a_release_survives_a_kill_at_every_entry() -> None:
    async def scenario(number: int) -> bool:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            stage.journal.kill_at = stage.journal.appends + number
            engine.commands.release(samples.NODE, ROOT)
            await engine.until_phase(Phase.CLOSED)
        survived = not stage.journal.killed.is_set()
        stage.journal.killed.clear()
        stage.journal.kill_at = None
        async with stage.engine() as engine:
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result, number
        assert not stage.node.cordoned, number
        return survived

    ended = []
    for number in range(1, 20):
        run_virtually(_keep(ended, scenario(number)))
        if ended[-1]:
            return
    raise AssertionError("the release has more entries than that")


async def _keep(found: list[bool], scenario: "asyncio.Future[bool]") -> None:
    found.append(await scenario)


@pytest.mark.parametrize("took", ["annotation removed", "uncordoned"])
def test_what_is_left_of_ours_is_given_back_after_a_person_took_the_cordon(took: str) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.canary_verdict = "hangs"
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.cluster.canary is not None, step_s=1)
            if took == "uncordoned":
                stage.node.cordoned = False
            else:
                del stage.node.annotations[CORDON]
            await engine.until_phase(Phase.HELD)
            assert stage.cluster.canary is not None
            assert Result.RESTORED is await release(engine)
        assert stage.cluster.canary is None
        assert {} == stage.node.annotations
        assert (took != "uncordoned") is stage.node.cordoned, "as the person left it"

    run_virtually(scenario())


def test_a_hold_stands_above_a_release_and_says_so() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            stage.node.annotations[HOLD] = "ask me first"
            engine.commands.release(samples.NODE, ROOT)
            await engine.until(lambda: "ask me first" in engine.only.held)
            assert Phase.HELD is engine.only.phase
            assert stage.node.cordoned
            del stage.node.annotations[HOLD]
            assert Result.RESTORED is await release(engine)

    run_virtually(scenario())


def test_an_undo_that_fails_is_held_with_its_cordon_and_reminds_until_it_is_released() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.broken["restart"] = Outcome(OutcomeKind.FAILED, 1, "Job for containerd.service failed")
        stage.node.broken["restore"] = Outcome(OutcomeKind.FAILED, 1, "No space left on device")
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
            assert "No space left on device" in incident.held
            assert stage.node.cordoned
            await engine.until(lambda: engine.only.reminders == 2)
            reminded = [x.at for x in stage.entries if isinstance(x, e.Reminded)]
            assert 4 * 3600 <= (reminded[1] - reminded[0]).total_seconds() <= 4 * 3600 + 900
            assert Result.RESTORED is await release(engine)
        assert not stage.node.cordoned

    run_virtually(scenario())


def test_new_failures_on_a_held_node_do_not_put_its_reminder_off() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            for number in range(9):
                await asyncio.sleep(3600)
                engine.desk.sight(engine.only.target, stage.sighting(pod=f"another-{number}"))
            assert 2 == engine.only.reminders

    run_virtually(scenario())


def test_a_person_who_uncordons_just_before_us_leaves_no_mark_behind() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: any(isinstance(x, DeleteCanary) for x in stage.cluster.applied), step_s=0.2)
            stage.node.cordoned = False
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert {} == stage.node.annotations

    run_virtually(scenario())

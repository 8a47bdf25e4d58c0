"""Answers at the worst moment: for a plan that is being replaced, after the expiry, before there is a question."""

import asyncio

import pytest

from bot.core import entries as e
from bot.core.incident import Phase
from bot.core.model import Actor, Consent, Family, Result
from bot.engine.approvals import Reply
from tests.scenarios.harness import Engine, Stage
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


async def click_while_the_plan_changes(engine: Engine, stage: Stage, *, approve: bool) -> None:
    """A second family is heard of and the node was edited: while the new look goes on, a person answers the old
    question."""
    engine.sight()
    await engine.until_phase(Phase.ASKED)
    stage.node.content = stage.node.content.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')
    stage.net.slow_s = 20.0
    engine.sight(Family.SHIM_MISSING)
    await asyncio.sleep(5)
    assert Phase.ASKED is engine.only.phase
    assert Reply.ACCEPTED is engine.answer(approve=approve)
    await asyncio.sleep(1)
    stage.net.slow_s = 0.0


def test_an_approval_of_the_old_plan_never_starts_the_new_one() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await click_while_the_plan_changes(engine, stage, approve=True)
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            await asyncio.sleep(60)
            assert Phase.ASKED is engine.only.phase
            assert engine.only.changed
            assert [] == stage.node.ran
            assert [] == stage.cluster.applied

    run_virtually(scenario())


def test_a_denial_of_the_old_plan_is_not_lost_under_the_new_one() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await click_while_the_plan_changes(engine, stage, approve=False)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.DENIED is incident.result

    run_virtually(scenario())


def test_a_click_after_the_expiry_is_refused_while_the_bot_is_busy() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            await asyncio.sleep(4 * 3600 - 10)
            stage.net.slow_s = 25.0
            engine.sight(Family.SHIM_MISSING)
            await asyncio.sleep(15)
            assert Phase.ASKED is engine.only.phase
            assert Reply.NOT_WAITING is engine.answer()
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.EXPIRED is incident.result
        assert [] == stage.node.ran

    run_virtually(scenario())


def test_a_plan_that_needs_no_approval_stops_to_be_one_when_a_stricter_rule_joins() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.approvals[Family.HANDLER_NOT_CONFIGURED] = Consent.NONE
        stage.cards.down = True
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.PLANNED)
            engine.sight(Family.SHIM_MISSING)
            await engine.until(lambda: len(engine.only.families) == 2)
            stage.cards.down = False
            await engine.until_phase(Phase.ASKED)
            await asyncio.sleep(60)
            assert [] == stage.node.ran

    run_virtually(scenario())


def test_a_plan_that_needs_no_approval_can_still_be_denied() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.approvals[Family.HANDLER_NOT_CONFIGURED] = Consent.NONE
        stage.cards.down = True
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.PLANNED)
            assert Reply.ACCEPTED is engine.answer(approve=False, actor=ROOT)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.DENIED is incident.result
        assert [] == stage.node.ran

    run_virtually(scenario())


@pytest.mark.parametrize("phase", [Phase.PLANNED, Phase.ASKED, Phase.APPROVED])
def test_an_abort_before_the_start_changes_nothing(phase: Phase) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cards.down = phase is Phase.PLANNED
        stage.leases.held_by_other = True
        async with stage.engine() as engine:
            engine.sight()
            await engine.until(lambda: bool(engine.only.plan))
            if phase is Phase.APPROVED:
                await engine.until_phase(Phase.ASKED)
                engine.answer()
            await engine.until_phase(phase)
            ok, _, _ = engine.commands.abort(engine.only.id, ROOT)
            assert ok
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.WITHDRAWN is incident.result
        assert "root" in incident.closed.why
        assert [] == stage.node.ran

    run_virtually(scenario())


def test_the_terminal_approves_a_plan_that_replaced_another_only_by_its_digest() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.node.content = stage.node.content.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')
            engine.answer()
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            incident = engine.only
            taken, words, _ = engine.commands.answer(incident.id, "", True, ROOT)
            assert not taken
            shown = incident.plan.digest[:12]
            assert f"imsbot approve {incident.id} --digest {shown}" in words
            taken, _, _ = engine.commands.answer(incident.id, "0" * 12, True, ROOT)
            assert not taken
            taken, _, _ = engine.commands.answer(incident.id, shown[:3], True, ROOT)
            assert not taken
            taken, _, _ = engine.commands.answer(incident.id, shown, True, ROOT)
            assert taken
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result

    run_virtually(scenario())


def test_what_a_person_did_meanwhile_is_not_done_again_and_no_failure() -> None:
    """All but the label: the node was repaired by hand in another way while its question was open."""

    async def scenario() -> None:
        stage = Stage()
        stage.node.labels = {}
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            asked = {step.planned.name for step in engine.only.steps}
            by_hand = samples.CONFIGURED.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')
            stage.node.content = stage.node.loaded = by_hand
            engine.answer()
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert {"configure", "restart", "label"} <= asked
        assert ["sandbox"] == [unit.rpartition("-")[2] for unit in stage.node.ran]
        assert 0 == stage.cluster.cordons
        assert by_hand == stage.node.content

    run_virtually(scenario())

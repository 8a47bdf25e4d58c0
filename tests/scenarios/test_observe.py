"""Mode `observe`: nothing is changed, whoever answers and whenever the bot is killed; and the way to `approve`."""

import asyncio

import pytest

from bot.core import entries as e
from bot.core.incident import Phase
from bot.core.model import Consent, Family, Mode, Result
from bot.engine.approvals import Reply
from bot.views.card import render_card
from tests.scenarios.harness import APPROVER, Engine, Stage, settings
from tests.scenarios.test_hostile_quiet import ROOT, heard, newest
from tests.scenarios.test_repair import approved, assert_given_back
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

OBSERVE = ("the configuration says mode: observe",)


def assert_untouched(stage: Stage) -> None:
    """No command, no change through the API, no Lease, and not even an epoch on the node."""
    assert [] == stage.node.ran
    assert [] == stage.cluster.applied
    assert 0 == stage.leases.most
    assert 0 == stage.node.epoch


def test_a_failure_is_diagnosed_with_its_plan_and_nobody_is_asked() -> None:
    async def scenario() -> None:
        stage = Stage(mode="observe")
        async with stage.engine() as engine:
            engine.sight()
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.DIAGNOSED is incident.result
            assert OBSERVE == incident.observed
            assert incident.plan is not None
            assert not any(isinstance(x, e.Asked) for x in stage.entries)
            card = render_card(stage.cards.last[incident.id])
            assert not card.answerable
            assert card.text.startswith("Only observed")
            assert Reply.OBSERVED is engine.answer()
            ok, why, _ = engine.commands.answer(incident.id, "", True, ROOT)
            assert not ok
            assert OBSERVE[0] in why
            assert not await heard(engine), "it stays quiet while the plan is the same"
        assert_untouched(stage)

    run_virtually(scenario())


def test_a_repair_that_a_person_asks_for_is_only_observed_as_well() -> None:
    async def scenario() -> None:
        stage = Stage(mode="observe")
        async with stage.engine() as engine:
            engine.commands.repair(samples.NODE, ROOT)
            assert Result.DIAGNOSED is (await engine.until_phase(Phase.CLOSED)).result
        assert_untouched(stage)

    run_virtually(scenario())


def test_another_plan_is_shown_again() -> None:
    async def scenario() -> None:
        stage = Stage(mode="observe")
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.CLOSED)
            stage.node.content = stage.node.content.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')
            assert await heard(engine)
            await engine.until(lambda: newest(engine).result is Result.DIAGNOSED)
        assert_untouched(stage)

    run_virtually(scenario())


def test_a_rule_that_needs_no_approval_acts_as_little() -> None:
    async def scenario() -> None:
        stage = Stage(mode="observe")
        stage.approvals[Family.HANDLER_NOT_CONFIGURED] = Consent.NONE
        async with stage.engine() as engine:
            engine.sight()
            assert Result.DIAGNOSED is (await engine.until_phase(Phase.CLOSED)).result
        assert_untouched(stage)

    run_virtually(scenario())


@pytest.mark.parametrize("before", [True, False], ids=["entry-lost", "entry-written"])
def test_killed_at_every_entry_it_ends_the_same(before: bool) -> None:
    for number in range(1, 5):

        async def scenario(number: int = number) -> None:
            stage = Stage(mode="observe")
            stage.journal.kill_at, stage.journal.kill_before = number, before
            async with stage.engine() as engine:
                engine.sight()
                await engine.until(lambda: bool(engine.desk.incidents()) and engine.only.phase is Phase.CLOSED)
            assert stage.journal.killed.is_set(), number
            stage.journal.killed.clear()
            stage.journal.kill_at = None
            async with stage.engine() as engine:
                if not stage.journal.written:
                    engine.sight()
                incident = await engine.until_phase(Phase.CLOSED)
            assert OBSERVE == incident.observed, number
            assert_untouched(stage)

        run_virtually(scenario())


def test_when_the_mode_becomes_approve_the_failure_is_asked_about_as_soon_as_it_is_seen() -> None:
    async def scenario() -> None:
        stage = Stage(mode="observe")
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.CLOSED)
            await asyncio.sleep(60)
        stage.settings = settings()
        async with stage.engine() as engine:
            assert await heard(engine, within_s=60)
            await engine.until(lambda: newest(engine).phase is Phase.ASKED)
            assert Reply.ACCEPTED is engine.answer_of(newest(engine))
            await engine.until(lambda: newest(engine).result is Result.HEALED)
        assert_given_back(stage)

    run_virtually(scenario())


@pytest.mark.parametrize("answer_first", [False, True], ids=["asked", "approved"])
def test_when_the_mode_becomes_observe_a_question_and_its_answer_are_taken_back(answer_first: bool) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.leases.held_by_other = True
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            if answer_first:
                engine.answer()
                await engine.until_phase(Phase.APPROVED)
        stage.leases.held_by_other = False
        stage.settings = settings(mode="observe")
        async with stage.engine() as engine:
            assert Reply.OBSERVED is engine.answer()
            incident = await engine.until_phase(Phase.CLOSED)
            assert Result.DIAGNOSED is incident.result
            assert OBSERVE == incident.observed
        assert_untouched(stage)

    run_virtually(scenario())


def test_a_repair_that_has_begun_is_finished_although_the_mode_becomes_observe() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
        stage.settings = settings(mode="observe")
        async with stage.engine() as engine:
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_family_that_joins_makes_the_question_an_observation_when_its_rule_says_so() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.modes[Family.SHIM_MISSING] = Mode.OBSERVE
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.sight(Family.SHIM_MISSING)
            incident = await engine.until_phase(Phase.CLOSED)
            assert ("the rule shim-missing says mode: observe",) == incident.observed
        assert_untouched(stage)

    run_virtually(scenario())


@pytest.mark.parametrize("pool", [["ncn-w001"], ["ncn-w00*"]])
def test_only_the_nodes_of_an_observed_pool_are_held_back(pool: list[str]) -> None:
    async def repaired(engine: Engine) -> bool:
        engine.sight()
        await engine.until(lambda: engine.only.phase in {Phase.ASKED, Phase.CLOSED})
        return engine.only.phase is Phase.ASKED

    async def scenario() -> None:
        held_back = Stage(pools={"critical": {"nodes": pool, "mode": "observe"}})
        async with held_back.engine() as engine:
            assert not await repaired(engine)
        others = Stage(pools={"critical": {"nodes": ["ncn-w002"], "mode": "observe"}})
        async with others.engine() as engine:
            assert await repaired(engine)
            assert Reply.ACCEPTED is engine.answer(actor=APPROVER)

    run_virtually(scenario())

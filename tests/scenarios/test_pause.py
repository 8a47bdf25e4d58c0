"""The brake: no command starts while it holds, whenever it is pulled; and what it must not keep from happening."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind
from bot.core.errors import BotError, ForbiddenError, UnreachableError
from bot.core.incident import Incident, Phase
from bot.core.marks import HOLD
from bot.core.model import Consent, Family, Result
from bot.core.pause import Paused, Unclear
from bot.engine import pausing
from bot.engine.approvals import Reply
from bot.views.card import APPROVE, DENY, render_card
from tests.scenarios.harness import Engine, Stage
from tests.scenarios.test_hostile_quiet import ROOT
from tests.scenarios.test_interruptions import story_that_fails
from tests.scenarios.test_repair import approved, assert_given_back, entries_of
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

WHY = "the mirror is being moved"
HOUR_S = 3600.0


def changes(stage: Stage) -> tuple[object, ...]:
    """Everything that was ever done to node and cluster."""
    return list(stage.node.ran), list(stage.cluster.applied), stage.node.epoch


def pause_at(stage: Stage, engine: Engine, is_it: Callable[[int, e.Entry], bool]) -> list[int]:
    """Pull the brake as soon as an entry is written of which `is_it` says so; the number of that entry."""
    pulled: list[int] = []

    def appended(number: int, entry: e.Entry) -> None:
        if not pulled and is_it(number, entry):
            pulled.append(number)
            at_once(engine.brake.pause(ROOT, WHY))

    stage.journal.on_append = appended
    return pulled


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Between two turns of the loop: the ports in memory never wait, and give nobody else a turn."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def intends(step: str) -> Callable[[int, e.Entry], bool]:
    return lambda _, entry: isinstance(entry, e.Intended) and entry.step == step


async def suspended(stage: Stage, engine: Engine, step: str = "cordon") -> Incident:
    """An approved repair that stands still after that step's act."""
    pause_at(stage, engine, intends(step))
    await approved(engine)
    await engine.until(lambda: engine.only.suspended is not None)
    return engine.only


def buttons(stage: Stage, incident: Incident) -> list[str]:
    blocks = render_card(stage.cards.last[incident.id]).blocks
    return [b["action_id"] for block in blocks if block["type"] == "actions" for b in block["elements"]]


def test_pulled_at_every_journal_entry_nothing_starts_until_it_is_released_also_after_a_kill() -> None:
    for number in range(1, entries_of(lambda stage: None) + 1):

        async def scenario(number: int = number) -> None:
            stage = Stage()
            async with stage.engine() as engine:
                pulled = pause_at(stage, engine, lambda n, _: n == number)
                engine.sight()
                await engine.until_phase(Phase.ASKED)
                assert engine.answer() in {Reply.ACCEPTED, Reply.PAUSED}
                await asyncio.sleep(600)
                assert pulled, number
                late = {x.step for x in stage.entries[number:] if isinstance(x, e.Intended)}
                assert late <= {"restart"}, "the acts of one guarded step end together, nothing else begins"
                before = changes(stage)
                await asyncio.sleep(HOUR_S / 2)
                assert before == changes(stage), number
                assert 0 == stage.leases.holders
            async with stage.engine() as engine:
                await asyncio.sleep(HOUR_S / 2)
                assert before == changes(stage), number
                assert isinstance(engine.brake.halt, Paused)
                assert (True, "Resumed: repairs go on.") == await pausing.resume(engine.brake, ROOT)
                await engine.until(lambda: engine.only.phase in {Phase.ASKED, Phase.CLOSED})
                if engine.only.phase is Phase.ASKED:
                    assert Reply.ACCEPTED is engine.answer()
                incident = await engine.until_phase(Phase.CLOSED)
            assert Result.HEALED is incident.result, number
            assert_given_back(stage)
            ran = [unit.split("-")[-1] for unit in stage.node.ran]
            for once in ("replace", "restart"):
                assert ran.count(once) == 1, (number, ran)

        run_virtually(scenario())


def test_a_failed_repair_is_put_back_although_the_bot_is_paused() -> None:
    async def scenario() -> None:
        stage = Stage()
        story_that_fails(stage)
        async with stage.engine() as engine:
            pause_at(stage, engine, intends("verify-sandbox"))
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
            assert isinstance(engine.brake.halt, Paused)
        assert Result.RESTORED is incident.result
        assert samples.CONFIG == stage.node.content
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_guarded_restart_that_fails_while_paused_is_put_back_as_well() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.broken["restart"] = Outcome(OutcomeKind.FAILED, 1, "the unit did not start")
        async with stage.engine() as engine:
            pause_at(stage, engine, intends("restart"))
            await approved(engine)
            await engine.until(lambda: any(isinstance(x, e.Failed) for x in stage.entries))
            stage.node.broken.clear()
            assert Result.RESTORED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_repair_that_stands_still_says_so_and_can_be_aborted_meanwhile() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            incident = await suspended(stage, engine, "configure")
            card = render_card(stage.cards.last[incident.id])
            assert card.text.startswith("Paused at step")
            assert WHY in str(card.blocks)
            assert stage.node.cordoned
            assert 0 == stage.leases.holders
            ok, _, _ = engine.commands.abort(incident.id, ROOT)
            assert ok
            assert Result.RESTORED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_forgotten_pause_ends_in_a_held_node_that_can_be_released_without_resuming() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            began = stage.clock.monotonic()
            await suspended(stage, engine)
            before = changes(stage)
            incident = await engine.until_phase(Phase.HELD)
            assert pytest.approx(stage.clock.monotonic() - began, abs=60) == 2 * HOUR_S
            assert WHY in incident.held
            assert (incident.id, Phase.HELD) == stage.cards.delivered[-1]
            assert before == changes(stage)
            assert stage.node.cordoned
            ok, _, _ = engine.commands.release(samples.NODE, ROOT)
            assert ok
            assert Result.RESTORED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_the_time_until_it_is_held_goes_on_over_a_restart() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await suspended(stage, engine)
            await asyncio.sleep(1.5 * HOUR_S)
        async with stage.engine() as engine:
            began = stage.clock.monotonic()
            await engine.until_phase(Phase.HELD)
            assert pytest.approx(stage.clock.monotonic() - began, abs=60) == HOUR_S / 2

    run_virtually(scenario())


def test_while_paused_an_approval_is_refused_a_denial_is_taken_and_the_card_says_who_and_why() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            incident = await engine.until_phase(Phase.ASKED)
            assert [APPROVE, DENY] == buttons(stage, incident)
            await pausing.pause(engine.brake, WHY, ROOT)
            assert [DENY] == buttons(stage, incident)
            assert f"by {ROOT.user}" in str(render_card(stage.cards.last[incident.id]).blocks)
            assert Reply.PAUSED is engine.answer()
            ok, said, _ = engine.commands.answer(incident.id, "", True, ROOT)
            assert (False, True) == (ok, WHY in said)
            await pausing.resume(engine.brake, ROOT)
            assert [APPROVE, DENY] == buttons(stage, incident)
            await pausing.pause(engine.brake, "", ROOT)
            assert Reply.ACCEPTED is engine.answer(approve=False)
            assert Result.DENIED is (await engine.until_phase(Phase.CLOSED)).result

    run_virtually(scenario())


def test_an_approval_of_before_the_pause_starts_after_it_while_it_is_young() -> None:
    async def scenario(pause_s: float) -> Phase:
        stage = Stage()
        stage.leases.held_by_other = True
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until_phase(Phase.APPROVED)
            await pausing.pause(engine.brake, WHY, ROOT)
            stage.leases.held_by_other = False
            await asyncio.sleep(pause_s)
            assert ([], [], 0) == changes(stage)
            await pausing.resume(engine.brake, ROOT)
            await asyncio.sleep(30)
            return engine.only.phase

    found: list[Phase] = []
    for pause_s in (600.0, 1200.0):

        async def one(pause_s: float = pause_s) -> None:
            found.append(await scenario(pause_s))

        run_virtually(one())
    assert Phase.ASKED is found[1], "too old: asked again"
    assert found[0] in {Phase.RUNNING, Phase.CLOSED}


def test_a_rule_that_needs_no_approval_waits_for_the_end_of_the_pause() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.approvals[Family.HANDLER_NOT_CONFIGURED] = Consent.NONE
        async with stage.engine() as engine:
            await pausing.pause(engine.brake, WHY, ROOT)
            engine.sight()
            await asyncio.sleep(HOUR_S)
            assert ([], [], 0) == changes(stage)
            await pausing.resume(engine.brake, ROOT)
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result

    run_virtually(scenario())


def test_the_cluster_s_key_stops_a_repair_and_only_the_key_lets_it_go_on() -> None:
    async def scenario() -> None:
        stage = Stage()

        def set_key(_: int, entry: e.Entry) -> None:
            if isinstance(entry, e.Intended) and entry.step == "cordon":
                stage.key.value = WHY

        async with stage.engine() as engine:
            stage.journal.on_append = set_key
            await approved(engine)
            await engine.until(lambda: engine.only.suspended is not None)
            assert WHY in (engine.only.suspended.why if engine.only.suspended else "")
            before = changes(stage)
            ok, said = await pausing.resume(engine.brake, ROOT)
            assert (False, True) == (ok, "ConfigMap ims-remediation-bot/imsbot" in said)
            await asyncio.sleep(600)
            assert before == changes(stage)
        async with stage.engine() as engine:
            assert isinstance(engine.brake.halt, Paused), "known before the key is read again"
            await asyncio.sleep(600)
            assert before == changes(stage)
            stage.key.value = "false"
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_hold_that_is_set_while_the_key_is_slow_to_read_is_seen_before_the_command() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.key.slow_s = 20
            reads, ran = stage.key.reads, len(stage.node.ran)
            await engine.until(lambda: stage.key.reads > reads, step_s=1)
            stage.node.annotations[HOLD] = "true"
            await engine.until_phase(Phase.HELD)
            assert ran == len(stage.node.ran)

    run_virtually(scenario())


def test_a_pause_that_comes_while_the_facts_are_read_again_stops_the_command() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.key.slow_s = 20
            reads = stage.key.reads
            await engine.until(lambda: stage.key.reads > reads, step_s=1)
            stage.net.slow_s = 10
            ran, looks = len(stage.node.ran), stage.cluster.reads
            await engine.until(lambda: stage.cluster.reads > looks, step_s=1)
            assert (await pausing.pause(engine.brake, WHY, ROOT))[0]
            await asyncio.sleep(600)
            assert ran == len(stage.node.ran)

    run_virtually(scenario())


def test_a_pause_that_crosses_a_resume_holds() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await pausing.pause(engine.brake, "the first", ROOT)
            stage.journal.slow_notes_s = 0.2
            resumed = asyncio.create_task(pausing.resume(engine.brake, ROOT))
            await asyncio.sleep(0.1)
            await pausing.pause(engine.brake, "the second", ROOT)
            await resumed
            assert isinstance(engine.brake.halt, Paused)
            assert "the second" == engine.brake.halt.reason
        async with stage.engine() as engine:
            assert isinstance(engine.brake.halt, Paused)

    run_virtually(scenario())


def test_who_resumes_while_both_doors_are_shut_is_told_what_ended_and_what_did_not() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.key.value = "upgrade"
        async with stage.engine() as engine:
            await pausing.pause(engine.brake, WHY, ROOT)
            await asyncio.sleep(HOUR_S)
            ok, told = await pausing.resume(engine.brake, ROOT)
            assert (False, True) == (
                ok,
                told.startswith("The pause of the terminal has ended, but the bot is still "),
            )
            ok, told = await pausing.resume(engine.brake, ROOT)
            assert (False, True) == (ok, told.startswith("The bot is still paused by the ConfigMap "))

    run_virtually(scenario())


@pytest.mark.parametrize("error", [ForbiddenError("no right to get it"), UnreachableError("the API is down")])
def test_a_key_that_cannot_be_read_is_no_missing_key(error: BotError) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.key.unreadable = error
        async with stage.engine() as engine:
            engine.sight()
            incident = await engine.until_phase(Phase.ASKED)
            assert Reply.ACCEPTED is engine.answer(), "it may be over in a moment"
            await asyncio.sleep(120)
            assert ([], [], 0) == changes(stage)
            assert isinstance(engine.brake.halt, Unclear)
            assert str(error) in str(render_card(stage.cards.last[incident.id]).blocks)
            stage.key.unreadable = None
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
            assert engine.brake.halt is None

    run_virtually(scenario())


def test_a_key_that_stays_unreadable_amid_a_repair_holds_the_node_and_says_why() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.key.unreadable = ForbiddenError("no right to get it")
            incident = await engine.until_phase(Phase.HELD)
            assert "no right to get it" in incident.held
            assert stage.node.cordoned

    run_virtually(scenario())


def test_a_terminal_s_pause_needs_no_api() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            incident = await suspended(stage, engine)
            stage.key.unreadable = UnreachableError("the API is down")
            await asyncio.sleep(600)
            assert incident.id == engine.only.id
            assert engine.only.suspended is not None
            assert isinstance(engine.brake.halt, Paused)

    run_virtually(scenario())


@pytest.mark.parametrize("entry", [e.Suspended, e.Continued])
@pytest.mark.parametrize("before", [True, False], ids=["entry-lost", "entry-written"])
def test_killed_as_it_stops_or_goes_on_it_still_ends_well(entry: type[e.Entry], before: bool) -> None:
    async def story(stage: Stage) -> None:
        async with stage.engine() as engine:
            pause_at(stage, engine, intends("cordon"))
            await approved(engine)
            await engine.until(lambda: engine.only.suspended is not None)
            if not stage.journal.killed.is_set():
                await pausing.resume(engine.brake, ROOT)
                await engine.until_phase(Phase.CLOSED)

    async def scenario() -> None:
        reference, stage = Stage(), Stage()
        await story(reference)
        kinds = [type(x) for x in reference.entries]
        stage.journal.kill_at, stage.journal.kill_before = kinds.index(entry) + 1, before
        await story(stage)
        assert stage.journal.killed.is_set()
        stage.journal.killed.clear()
        stage.journal.kill_at = None
        stage.journal.on_append = lambda number, entry: None
        async with stage.engine() as engine:
            await asyncio.sleep(600)
            if isinstance(engine.brake.halt, Paused):
                assert engine.only.suspended is not None
                await pausing.resume(engine.brake, ROOT)
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_restart_that_was_announced_but_never_reached_the_node_does_not_begin_while_paused() -> None:
    """The bot was killed between the entry and the act, and paused while it was down."""

    async def scenario() -> None:
        reference, stage = Stage(), Stage()
        async with reference.engine() as engine:
            await approved(engine)
            await engine.until_phase(Phase.CLOSED)
        arms = [isinstance(x, e.Intended) and x.key == "arm" for x in reference.entries]
        stage.journal.kill_at, stage.journal.kill_before = arms.index(True) + 1, False
        async with stage.engine() as engine:
            await approved(engine)
            await stage.journal.killed.wait()
        stage.journal.killed.clear()
        stage.journal.kill_at = None
        async with stage.engine() as engine:
            at_once(engine.brake.pause(ROOT, WHY))
            done = changes(stage)
            await asyncio.sleep(600)
            assert engine.only.suspended is not None
            assert done[:2] == changes(stage)[:2]
            await pausing.resume(engine.brake, ROOT)
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result
        assert_given_back(stage)

    run_virtually(scenario())

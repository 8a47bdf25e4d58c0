"""The main story, its ends, and the same story killed at every journal entry."""

from collections.abc import Callable

import pytest

from bot.core import entries as e
from bot.core.incident import Phase
from bot.core.marks import CORDON
from bot.core.model import Actor, Family, Result
from bot.engine.approvals import Reply
from tests.scenarios.harness import APPROVER, Engine, Stage
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples


async def approved(engine: Engine) -> None:
    engine.sight()
    await engine.until_phase(Phase.ASKED)
    assert Reply.ACCEPTED is engine.answer()


def assert_given_back(stage: Stage) -> None:
    """The invariants after any end but *held*."""
    assert not stage.node.cordoned
    assert stage.node.annotations == {}
    assert stage.cluster.canary is None
    assert stage.node.rollback is None
    assert stage.node.content == stage.node.loaded
    assert stage.leases.holders == 0


def test_a_failing_job_is_asked_about_repaired_and_proven() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert "kata-qemu" in stage.node.loaded
        assert_given_back(stage)
        assert (incident.id, Phase.CLOSED) == stage.cards.delivered[-1]

    run_virtually(scenario())


@pytest.mark.parametrize(("disk_s", "looks"), [(0.0, 1), (0.4, 2)])
def test_the_look_before_the_start_serves_the_first_step_while_it_is_young(disk_s: float, looks: int) -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            before, stage.journal.slow_s = stage.node.noise, disk_s
            stage.node.slow["validate"] = 60
            await engine.until(lambda: bool(stage.node.ran))
            assert looks == stage.node.noise - before

    run_virtually(scenario())


def test_a_denied_repair_changes_nothing() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.answer(approve=False)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.DENIED is incident.result
        assert stage.node.ran == []
        assert stage.cluster.applied == []

    run_virtually(scenario())


def test_nobody_answers_then_people_are_reminded_and_it_expires() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.EXPIRED is incident.result
        asked = next(x for x in stage.entries if isinstance(x, e.Asked))
        reminded = next(x for x in stage.entries if isinstance(x, e.Reminded))
        assert pytest.approx((reminded.at - asked.at).total_seconds(), abs=1) == 3 * 3600
        assert pytest.approx((stage.entries[-1].at - asked.at).total_seconds(), abs=1) == 4 * 3600
        assert stage.node.ran == []

    run_virtually(scenario())


def test_a_clock_that_is_set_back_does_not_extend_an_approval() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            began = stage.clock.monotonic()
            stage.clock.wall_offset_s = -3 * 3600
            await engine.until_phase(Phase.CLOSED)
            assert pytest.approx(stage.clock.monotonic() - began, abs=2) == 4 * 3600

    run_virtually(scenario())


@pytest.mark.parametrize(
    ("actor", "reply"),
    [
        (Actor(via="slack", user="U0OUTSIDER", team="T0TEAM"), Reply.NOT_APPROVER),
        (Actor(via="slack", user="U0APPROVER", team="T0OTHER"), Reply.WRONG_TEAM),
    ],
)
def test_the_wrong_person_changes_nothing(actor: Actor, reply: Reply) -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            assert reply is engine.answer(actor=actor)
            assert Reply.ACCEPTED is engine.answer()

    run_virtually(scenario())


def test_of_two_clicks_the_first_wins() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            assert Reply.ACCEPTED is engine.answer(approve=False)
            assert Reply.ANSWERED is engine.answer(approve=True, actor=Actor(via="cli", user="root"))
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.DENIED is incident.result

    run_virtually(scenario())


def test_a_plan_that_changed_after_the_answer_is_asked_again() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.node.content = stage.node.content.replace('"0.0.0.0:1338"', '"127.0.0.1:1338"')
            engine.answer()
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            assert engine.only.changed
            assert stage.node.ran == []
            assert Reply.ACCEPTED is engine.answer()
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result

    run_virtually(scenario())


def test_an_approval_that_cannot_start_in_time_is_asked_again() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.leases.held_by_other = True
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: len([x for x in stage.entries if isinstance(x, e.Asked)]) == 2)
            assert stage.node.ran == []
            stage.leases.held_by_other = False
            assert Reply.ACCEPTED is engine.answer()
            assert Result.HEALED is (await engine.until_phase(Phase.CLOSED)).result

    run_virtually(scenario())


@pytest.mark.parametrize("command", ["validate", "replace", "arm", "restart", "sandbox"])
def test_a_failed_command_stops_the_plan_and_everything_is_put_back(command: str) -> None:
    from bot.core.action import Outcome, OutcomeKind

    async def scenario() -> None:
        stage = Stage()
        said = 'failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
        stage.node.broken[command] = Outcome(OutcomeKind.FAILED, 1, said)
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: any(isinstance(x, e.Failed) for x in stage.entries))
            stage.node.broken.clear()
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert stage.node.content == samples.CONFIG
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_disproven_canary_undoes_the_repair() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.canary_verdict = "same failure"
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert stage.node.content == samples.CONFIG
        assert_given_back(stage)

    run_virtually(scenario())


def test_an_inconclusive_canary_keeps_the_repair_and_says_so() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.canary_verdict = "hangs"
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.UNPROVEN is incident.result
        assert "kata-qemu" in stage.node.loaded
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_node_that_stays_out_of_reach_is_held_with_its_cordon_and_can_be_released() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            stage.net.down = True
            incident = await engine.until_phase(Phase.HELD)
            assert stage.node.cordoned
            stage.net.down = False
            ok, _, _ = engine.commands.release(samples.NODE, Actor(via="cli", user="root"))
            assert ok
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert not stage.node.cordoned

    run_virtually(scenario())


def test_a_person_who_takes_the_cordon_away_takes_the_node_over() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            del stage.node.annotations[CORDON]
            incident = await engine.until_phase(Phase.HELD)
        assert "a person changed it" in incident.held
        assert stage.node.cordoned

    run_virtually(scenario())


def test_an_abort_stops_before_the_next_command_and_undoes() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.node.cordoned)
            engine.commands.abort(engine.only.id, APPROVER)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result
        assert stage.node.content == samples.CONFIG
        assert_given_back(stage)

    run_virtually(scenario())


def test_a_further_family_joins_the_open_incident() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            first = engine.sight()
            await engine.until_phase(Phase.ASKED)
            assert first == engine.sight(Family.SHIM_MISSING)
            await engine.until(lambda: len(engine.only.families) == 2)
            assert Phase.ASKED is engine.only.phase

    run_virtually(scenario())


def test_a_hanging_pod_whose_words_were_heard_is_no_second_failure() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.sight(Family.AMBIGUOUS)
            engine.answer(approve=False)
            await engine.until_phase(Phase.CLOSED)
            assert engine.sight(Family.AMBIGUOUS) is None
            assert (Family.HANDLER_NOT_CONFIGURED,) == engine.only.families

    run_virtually(scenario())


def test_slack_down_does_not_stop_an_answer_by_the_terminal() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cards.down = True
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.PLANNED)
            ok, _, _ = engine.commands.answer(engine.only.id, "", True, Actor(via="cli", user="root"))
            assert ok
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result

    run_virtually(scenario())


def entries_of(prepare: Callable[[Stage], None]) -> int:
    """How many entries an approved story journals on a stage so prepared."""
    stages = []

    async def scenario() -> None:
        stage = Stage()
        prepare(stage)
        stages.append(stage)
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until_phase(Phase.CLOSED)

    run_virtually(scenario())
    return stages[0].journal.appends


@pytest.mark.parametrize("before", [True, False], ids=["entry-lost", "entry-written"])
def test_killed_at_every_journal_entry_the_story_ends_the_same(before: bool) -> None:
    for number in range(1, entries_of(lambda stage: None) + 1):

        async def scenario(number: int = number) -> None:
            stage = Stage()
            stage.journal.kill_at, stage.journal.kill_before = number, before
            async with stage.engine() as engine:
                engine.sight()
                await engine.until(lambda: bool(engine.desk.incidents()) and engine.only.phase is Phase.ASKED)
                if not stage.journal.killed.is_set():
                    engine.answer()
                    await engine.until_phase(Phase.CLOSED)
            assert stage.journal.killed.is_set()
            stage.journal.killed.clear()
            stage.journal.kill_at = None
            async with stage.engine() as engine:
                if not stage.journal.written:
                    engine.sight()
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

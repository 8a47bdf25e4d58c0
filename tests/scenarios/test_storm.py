"""The same failure on many nodes at once: one grouped question, and people may still pick a node."""

from bot.core import entries as e
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, Family, IncidentId, Result, Target, TargetKind
from bot.engine.approvals import Answer, Reply
from tests.scenarios.harness import APPROVER, SECOND, TARGET, Engine, Stage
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

THIRD = Target(TargetKind.NODE, "ncn-w003", "7e57-0003")
FOURTH = Target(TargetKind.NODE, "ncn-w004", "7e57-0004")
ROOT = Actor(via="cli", user="root")


def on(engine: Engine, target: Target) -> Incident:
    return next(i for i in engine.desk.incidents() if i.target == target)


def phases(engine: Engine) -> set[Phase]:
    return {incident.phase for incident in engine.desk.incidents()}


async def two_asked(engine: Engine) -> None:
    for target in (TARGET, SECOND):
        engine.sight(target=target)
    await engine.until(lambda: phases(engine) == {Phase.ASKED})


def answer(engine: Engine, target: Target, approve: bool = True) -> Reply:
    incident = on(engine, target)
    assert incident.plan is not None
    return engine.approvals.answer(Answer(incident.id, incident.plan.digest, approve, APPROVER))[0]


def test_the_third_node_takes_the_questions_of_the_first_two_back() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            third = engine.sight(target=THIRD)
            await engine.until(lambda: phases(engine) == {Phase.UNASKED})
            assert {f"handler-not-configured-{third}"} == {i.storm for i in engine.desk.incidents()}
            assert {Phase.UNASKED} == {i.phase for i in stage.cards.last.values()}
            assert THIRD not in [stage.cards.last[key].target for key, _ in stage.cards.delivered]
            assert Reply.NOT_WAITING is answer(engine, TARGET)
            assert stage.node.ran == []

    run_virtually(scenario())


def test_further_nodes_join_the_storm_also_after_a_restart() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            engine.sight(target=THIRD)
            await engine.until(lambda: phases(engine) == {Phase.UNASKED})
        async with stage.engine() as engine:
            engine.sight(target=FOURTH)
            await engine.until(lambda: len(engine.desk.incidents()) == 4 and phases(engine) == {Phase.UNASKED})
            assert 1 == len({i.storm for i in engine.desk.incidents()})

    run_virtually(scenario())


def test_a_node_that_a_person_picks_is_asked_about_and_repaired() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            engine.sight(target=THIRD)
            await engine.until(lambda: phases(engine) == {Phase.UNASKED})
            engine.commands.repair(samples.NODE, ROOT)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
            engine.sight(target=FOURTH)
            await engine.until(lambda: on(engine, FOURTH).phase is Phase.UNASKED)
            assert Phase.ASKED is on(engine, TARGET).phase, "what a person asked for is not taken back"
            assert Reply.ACCEPTED is answer(engine, TARGET)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.CLOSED)
            assert Result.HEALED is on(engine, TARGET).result
            assert Phase.UNASKED is on(engine, SECOND).phase

    run_virtually(scenario())


def test_a_pick_that_comes_with_the_storm_is_not_lost() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            engine.sight(target=THIRD)
            engine.commands.repair(samples.NODE, ROOT)
            await engine.until(lambda: on(engine, SECOND).phase is Phase.UNASKED)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)

    run_virtually(scenario())


def test_an_answer_that_came_before_the_storm_counts() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            assert Reply.ACCEPTED is answer(engine, TARGET)
            engine.sight(target=THIRD)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.CLOSED)
            assert Result.HEALED is on(engine, TARGET).result
            assert Phase.UNASKED is on(engine, SECOND).phase

    run_virtually(scenario())


def test_an_answer_that_comes_after_the_storm_does_not_count_even_before_it_is_journaled() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            engine.sight(target=THIRD)
            assert Phase.ASKED is on(engine, TARGET).phase
            assert Reply.NOT_WAITING is answer(engine, TARGET)
            await engine.until(lambda: phases(engine) == {Phase.UNASKED})
            entries = stage.journal.written[on(engine, TARGET).id]
            assert not any(isinstance(entry, e.Answered) for entry in entries)

    run_virtually(scenario())


def test_another_family_on_a_third_node_is_no_storm() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await two_asked(engine)
            engine.sight(Family.SHIM_MISSING, THIRD)
            await engine.until(lambda: on(engine, THIRD).phase is not Phase.OPENED)
            assert {Phase.ASKED} == {on(engine, target).phase for target in (TARGET, SECOND)}
            assert Phase.UNASKED is not on(engine, THIRD).phase

    run_virtually(scenario())


def test_a_held_node_reminds_people_every_four_hours_until_it_is_released() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.answer()
            await engine.until(lambda: stage.node.cordoned)
            stage.net.down = True
            await engine.until_phase(Phase.HELD)
            held_at = engine.only.changed_at
            await engine.until(lambda: engine.only.reminders == 2)
            reminded = [x.at for x in stage.entries if isinstance(x, e.Reminded)]
            hours = [(at - held_at).total_seconds() / 3600 for at in reminded]
            assert [4, 8] == [round(hour) for hour in hours]
            stage.net.down = False
            engine.commands.release(samples.NODE, ROOT)
            assert Phase.CLOSED is (await engine.until_phase(Phase.CLOSED)).phase

    run_virtually(scenario())


def test_a_closed_incident_shows_its_last_word_again_after_a_restart_but_an_old_one_does_not() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.answer(approve=False)
            await engine.until_phase(Phase.CLOSED)
        (incident,) = stage.journal.written
        assert [incident] == await shown_by_a_start(stage)
        await stage.clock.sleep(2 * 24 * 3600)
        assert [] == await shown_by_a_start(stage)

    run_virtually(scenario())


async def shown_by_a_start(stage: Stage) -> list[IncidentId]:
    stage.cards.last.clear()
    async with stage.engine():
        return list(stage.cards.last)

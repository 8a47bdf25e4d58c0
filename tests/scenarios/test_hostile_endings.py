"""While people are asked, the world goes on: what is asked about heals, is deleted, or goes away with its node."""

import asyncio
from collections.abc import Callable

import pytest

from bot.core.incident import Phase
from bot.core.model import Actor, Family, Result
from bot.engine.approvals import Reply
from tests.scenarios.harness import SECOND, TARGET, Engine, Stage
from tests.scenarios.simulated import job
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


def heal(stage: Stage) -> None:
    stage.cluster.pod_started = True


def delete_the_job(stage: Stage) -> None:
    stage.cluster.pod_there = False
    stage.cluster.jobs.clear()


def end_the_job(stage: Stage) -> None:
    stage.cluster.pod_there = False
    stage.cluster.jobs = [job("Failed")]


def remove_the_node(stage: Stage) -> None:
    stage.node.gone = True


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (heal, "started by itself"),
        (delete_the_job, "the job cray-ims-1-create was deleted"),
        (end_the_job, "the job cray-ims-1-create has ended"),
        (remove_the_node, "was removed from the cluster"),
    ],
)
def test_a_question_that_nobody_needs_answered_is_taken_back(happens: Callable[[Stage], None], said: str) -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            await engine.ticks(60)
            assert Phase.ASKED is engine.only.phase
            happens(stage)
            await engine.ticks(60)
            incident = engine.only
            assert Result.WITHDRAWN is incident.result
            assert said in incident.closed.why
            assert (incident.id, Phase.CLOSED) == stage.cards.delivered[-1]
            assert Reply.NOT_WAITING is engine.answer()
        assert [] == stage.node.ran

    run_virtually(scenario())


async def still_asked(engine: Engine, stage: Stage) -> None:
    await engine.ticks(300)
    assert Phase.ASKED is engine.only.phase
    assert Reply.ACCEPTED is engine.answer(approve=False)


def test_a_pod_that_its_job_will_make_again_still_waits() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.cluster.pod_there = False
            await still_asked(engine, stage)

    run_virtually(scenario())


def test_a_cache_that_knows_nothing_takes_nothing_back() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.cluster.blind = True
            heal(stage)
            await still_asked(engine, stage)

    run_virtually(scenario())


def test_a_cache_that_is_wrong_takes_nothing_back_and_is_not_believed_every_second() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            stage.cluster.cache_says_gone = True
            before = stage.cluster.reads
            await engine.ticks(300)
            assert stage.cluster.reads - before <= 11
            await still_asked(engine, stage)

    run_virtually(scenario())


def test_a_repair_that_a_person_asked_for_needs_no_waiting_job() -> None:
    async def scenario() -> None:
        stage = Stage()
        delete_the_job(stage)
        async with stage.engine() as engine:
            engine.commands.repair(samples.NODE, ROOT)
            await engine.until_phase(Phase.ASKED)
            engine.sight()
            await still_asked(engine, stage)

    run_virtually(scenario())


def test_all_jobs_of_the_incident_must_have_ended() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            second = stage.sighting(pod="cray-ims-2-create-abcde")
            engine.desk.sight(TARGET, second)
            stage.cluster.jobs = [job("Complete")]
            stage.cluster.jobs.append(job(name="cray-ims-2-create"))
            await still_asked(engine, stage)

    run_virtually(scenario())


def test_an_answer_that_comes_while_the_worker_looks_is_not_lost() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            heal(stage)
            stage.cluster.slow_s = 5.0
            engine.desk.review()
            await asyncio.sleep(2)
            assert Reply.ACCEPTED is engine.answer(approve=False)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.DENIED is incident.result

    run_virtually(scenario())


def test_members_of_a_storm_end_with_their_jobs_and_without_a_card_each() -> None:
    async def scenario() -> None:
        stage = Stage(limits={"storm_nodes": 2})
        async with stage.engine() as engine:
            engine.sight()
            engine.sight(target=SECOND)
            await engine.until(lambda: [i.phase for i in engine.desk.incidents()] == [Phase.UNASKED] * 2)
            delete_the_job(stage)
            await engine.ticks(60)
            assert [Result.WITHDRAWN] * 2 == [i.result for i in engine.desk.incidents()]
            unseen = [i for i in engine.desk.incidents() if i.asked is None and i.card is None]
            assert not any(i.speaks for i in unseen)

    run_virtually(scenario())


def test_a_new_failure_after_the_quiet_minutes_asks_again() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            delete_the_job(stage)
            await engine.ticks(60)
            assert engine.sight() is None
            await asyncio.sleep(600)
            stage.cluster.pod_there = True
            stage.cluster.jobs = [job()]
            assert engine.sight(Family.HANDLER_NOT_CONFIGURED) is not None

    run_virtually(scenario())

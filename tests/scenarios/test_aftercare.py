"""After the repair itself: the watcher's socket and the records of lost jobs, whoever fails or dies meanwhile."""

import pytest

from bot.core import entries as e
from bot.core.action import CloseRecords, Outcome, OutcomeKind, RestartDaemonSet
from bot.core.incident import Incident, Phase
from bot.core.model import Result
from bot.engine.approvals import Reply
from tests.scenarios.harness import Stage
from tests.scenarios.simulated import job
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

JOB = "cray-ims-1-create"
IMS = {"url": "http://cray-ims.services/v3"}


def stage(*, watcher: bool = True, ims: bool = True) -> Stage:
    made = Stage(restart={"reconnect": ["ims/sonar"]}, ims=IMS if ims else None)
    made.node.watcher = int(watcher)
    return made


def loses_its_job(made: Stage) -> None:
    """As a pod that is evicted while people decide: with a backoffLimit of 0 its Job fails for good."""
    made.cluster.pod_there = False
    made.cluster.jobs = [job("Failed")]


async def repaired(made: Stage, *, loses_job: bool = False) -> Incident:
    async with made.engine() as engine:
        engine.sight()
        await engine.until_phase(Phase.ASKED)
        assert Reply.ACCEPTED is engine.answer()
        await engine.until(lambda: made.node.cordoned)
        if loses_job:
            loses_its_job(made)
        return await engine.until_phase(Phase.CLOSED)


def closings(made: Stage) -> list[CloseRecords]:
    return [change for change in made.cluster.applied if isinstance(change, CloseRecords)]


def rollouts(made: Stage) -> list[RestartDaemonSet]:
    return [change for change in made.cluster.applied if isinstance(change, RestartDaemonSet)]


def test_a_watcher_that_lost_its_socket_gets_the_new_one() -> None:
    async def scenario() -> None:
        made = stage()
        incident = await repaired(made)
        assert Result.HEALED is incident.result
        assert [RestartDaemonSet("ims", "sonar", incident.id)] == rollouts(made)
        assert not made.node.deaf_watcher

    run_virtually(scenario())


def test_a_watcher_that_cannot_be_restarted_undoes_nothing_and_is_told() -> None:
    async def scenario() -> None:
        made = stage()
        made.cluster.forbids_rollout = True
        incident = await repaired(made)
        assert Result.UNPROVEN is incident.result
        assert "kubectl rollout restart -n ims daemonset sonar" in incident.closed.why  # type: ignore[union-attr]
        assert "kata-qemu" in made.node.loaded
        assert not made.node.cordoned

    run_virtually(scenario())


def test_an_undo_gives_the_watcher_the_socket_of_its_restart_too() -> None:
    async def scenario() -> None:
        made = stage()
        said = 'failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
        made.node.broken["sandbox"] = Outcome(OutcomeKind.FAILED, 1, said)
        incident = await repaired(made)
        assert Result.RESTORED is incident.result
        assert [incident.id, f"{incident.id}-undo"] == [change.occasion for change in rollouts(made)]
        assert not made.node.deaf_watcher
        assert not made.node.cordoned

    run_virtually(scenario())


def test_the_record_of_a_lost_job_is_closed_and_its_owner_hears_of_it() -> None:
    async def scenario() -> None:
        made = stage()
        incident = await repaired(made, loses_job=True)
        assert Result.HEALED is incident.result
        assert {"1": "error"} == made.cluster.records
        assert f"{JOB} failed for good" in incident.closed.why  # type: ignore[union-attr]

    run_virtually(scenario())


@pytest.mark.parametrize("waits", [False, True])
def test_the_record_of_a_job_that_runs_or_may_still_run_is_never_closed(waits: bool) -> None:
    async def scenario() -> None:
        made = stage()
        made.cluster.pod_there = not waits
        await repaired(made)
        assert [] == closings(made)
        assert {"1": "creating"} == made.cluster.records

    run_virtually(scenario())


def test_without_the_section_ims_no_record_is_touched() -> None:
    async def scenario() -> None:
        made = stage(ims=False)
        incident = await repaired(made, loses_job=True)
        assert [] == closings(made)
        assert not [step for step in incident.steps if step.planned.name == "close-records"]

    run_virtually(scenario())


def test_a_record_that_cannot_be_closed_undoes_nothing() -> None:
    async def scenario() -> None:
        made = stage()
        made.cluster.close_fails = Outcome(OutcomeKind.UNKNOWN, output="IMS does not answer")
        incident = await repaired(made, loses_job=True)
        assert incident.closed is not None
        assert "tried 3 times, and how it ended is not known: IMS does not answer" in incident.closed.why
        assert Result.UNPROVEN is incident.result
        assert 3 == len(closings(made))
        assert "kata-qemu" in made.node.loaded

    run_virtually(scenario())


def entries() -> list[e.Entry]:
    """Of a whole repair that loses its job."""
    made = stage()

    async def scenario() -> None:
        await repaired(made, loses_job=True)

    run_virtually(scenario())
    return made.entries


@pytest.mark.parametrize("kill_before", [True, False])
def test_killed_around_every_entry_of_the_aftercare_all_of_it_still_happens(kill_before: bool) -> None:
    async def story(kill_at: int) -> None:
        made = stage()
        made.journal.kill_at, made.journal.kill_before = kill_at, kill_before
        async with made.engine() as engine:
            engine.sight()
            await engine.until_phase(Phase.ASKED)
            engine.answer()
            await engine.until(lambda: made.node.cordoned)
            loses_its_job(made)
            await engine.until(lambda: bool(engine.desk.incidents()) and engine.only.phase is Phase.CLOSED)
        made.journal.killed.clear()
        made.journal.kill_at = None
        async with made.engine() as engine:
            await engine.until(lambda: isinstance(made.entries[-1], e.Closed))
        assert "error" == made.cluster.records["1"], kill_at
        assert not made.node.deaf_watcher, kill_at
        assert samples.CONFIG != made.node.loaded
        assert Result.HEALED is made.entries[-1].result, kill_at  # type: ignore[union-attr]

    whole = entries()
    restart = next(n for n, x in enumerate(whole, 1) if isinstance(x, e.StepBegan) and x.name == "restart")
    for kill_at in range(restart, len(whole) + 1):
        run_virtually(story(kill_at))

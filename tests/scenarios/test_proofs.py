"""A node that refuses Kata's proof gets no label, whatever made somebody look at it."""

import pytest

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind, SetLabel
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, Result
from bot.core.objects import KATA_LABEL
from bot.engine.approvals import Reply
from tests.scenarios.harness import TARGET, Engine, Stage
from tests.scenarios.test_repair import approved, assert_given_back
from tests.scenarios.test_sweeps import on, sweep, swept
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")
HANDLER = 'no runtime for "kata-qemu" is configured'
_TASK = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create containerd task: "
SHIM = (
    f'{_TASK}failed to start shim: failed to resolve runtime path: runtime "io.containerd.kata-qemu.v2" '
    'binary not installed "containerd-shim-kata-qemu-v2": file does not exist: unknown'
)
GUEST = (
    f"{_TASK}failed to create shim task: Failed to Check if grpc server is working: rpc error: "
    "code = DeadlineExceeded desc = timed out connecting to vsock 1741893712:1024: unknown"
)


def refusing(stage: Stage, words: str) -> Stage:
    """The node has no label yet, so that it is the repair that would give it one."""
    stage.node.labels.clear()
    stage.cluster.canary_verdict = "same failure"
    stage.cluster.kubelet_says = words
    return stage


async def asked_for(engine: Engine) -> Incident:
    assert engine.commands.repair(samples.NODE, ROOT)[0]
    await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
    assert Reply.ACCEPTED is engine.answer_of(on(engine, TARGET))
    await engine.until(lambda: on(engine, TARGET).phase is Phase.CLOSED)
    return on(engine, TARGET)


def assert_put_back(stage: Stage, incident: Incident) -> None:
    assert Result.RESTORED is incident.result, incident.closed
    assert KATA_LABEL not in stage.node.labels
    assert samples.CONFIG == stage.node.content
    assert_given_back(stage)


@pytest.mark.parametrize("words", [HANDLER, SHIM, GUEST], ids=["handler", "shim", "guest"])
def test_a_repair_that_a_person_asked_for_is_undone_when_the_canary_is_refused(words: str) -> None:
    async def scenario() -> None:
        stage = refusing(Stage(), words)
        async with stage.engine() as engine:
            incident = await asked_for(engine)
        assert () == incident.families
        assert_put_back(stage, incident)

    run_virtually(scenario())


def test_a_picked_row_of_a_sweep_is_put_back_when_the_canary_is_refused() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            stage.cluster.canary_verdict = "same failure"
            await sweep(engine)
            incident = await asked_for(engine)
        assert () == incident.families
        assert Result.RESTORED is incident.result, incident.closed
        assert samples.CONFIG == stage.node.content

    run_virtually(scenario())


@pytest.mark.parametrize("words", [SHIM, GUEST], ids=["shim", "guest"])
def test_a_second_cause_behind_the_one_that_was_seen_undoes_the_repair_of_the_first(words: str) -> None:
    async def scenario() -> None:
        stage = refusing(Stage(), words)
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
        assert_put_back(stage, incident)
        assert incident.failure is not None
        assert incident.failure.why.startswith("Kata does not run on ncn-w001: Failed to create pod sandbox")

    run_virtually(scenario())


@pytest.mark.parametrize("ahead_s", [240.0, -240.0])
def test_a_refusal_of_the_canary_counts_by_no_clock(ahead_s: float) -> None:
    async def scenario() -> None:
        stage = refusing(Stage(), HANDLER)
        stage.clock.wall_offset_s = ahead_s
        async with stage.engine() as engine:
            await approved(engine)
            stage.clock.wall_offset_s = 0.0  # the bot's own time never goes back, so it stays ahead
            incident = await engine.until_phase(Phase.CLOSED)
        assert_put_back(stage, incident)

    run_virtually(scenario())


@pytest.mark.parametrize("ahead_s", [240.0, -240.0])
def test_a_failure_that_comes_back_to_the_hanging_job_counts_by_the_cluster_s_clock(ahead_s: float) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.clock.wall_offset_s = ahead_s

        def fail_again(_: int, entry: e.Entry) -> None:
            stage.cluster.fails_again |= isinstance(entry, e.StepBegan) and entry.name == "verify-rescued"

        stage.journal.on_append = fail_again
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result, incident.closed
        assert samples.CONFIG == stage.node.content

    run_virtually(scenario())


def test_a_test_sandbox_that_is_refused_keeps_the_node_from_the_scheduler() -> None:
    async def scenario() -> None:
        stage = refusing(Stage(), HANDLER)
        error = SHIM.removeprefix("Failed to create pod sandbox: ").replace('"', r"\"")
        said = f'time="2026-11-24T03:00:00Z" level=fatal msg="run pod sandbox: {error}"'
        stage.node.broken["sandbox"] = Outcome(OutcomeKind.FAILED, 1, said)
        async with stage.engine() as engine:
            incident = await asked_for(engine)
        assert_put_back(stage, incident)
        assert not any(isinstance(change, SetLabel) for change in stage.cluster.applied)
        assert stage.cluster.canary is None

    run_virtually(scenario())

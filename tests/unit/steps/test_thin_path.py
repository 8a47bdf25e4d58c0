"""Handler not configured: the plan, then every command of it run for real in a private root filesystem."""

import json
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bot.core.action import Done, Fail, Outcome, OutcomeKind, Run
from bot.core.model import Diagnosis, Plan
from bot.steps import Step, decode
from bot.steps.planner import make_plan
from bot.steps.restart import disarm
from bot.steps.undo_plan import undo_plan
from tests.unit.steps import samples
from tests.unit.steps.world import World, available

pytestmark = pytest.mark.skipif(not available(), reason="needs bubblewrap and containerd")
TIMER = f"imsbot-rollback-{samples.INCIDENT}.timer"
CONFIG = "/etc/containerd/config.toml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "node", samples.settings(checks={"waive": {"kvm": "stand-in", "vsock": "stand-in"}}))


def healthy_otherwise(world: World) -> Plan:
    """A plan from the world's real containerd facts, with Kata itself in place."""
    node = samples.node_facts()
    real = world.read()
    node = replace(
        node, unit=real.unit, config_file=real.config_file, dump=real.dump, runtime=real.runtime, tools=real.tools
    )
    plan = make_plan(samples.situation(node))
    assert isinstance(plan, Plan), plan
    return plan


def step(plan: Plan, name: str):
    return decode(next(p for p in plan.steps if p.name == name))


def test_the_plan_is_the_smallest_one_in_the_order_of_the_design(world: World) -> None:
    plan = healthy_otherwise(world)
    assert [p.name for p in plan.steps] == [
        "cordon",
        "configure",
        "restart",
        "verify-sandbox",
        "verify-canary",
        "verify-cleanup",
        "uncordon",
        "verify-rescued",
    ]


def test_configure_and_restart_bring_the_handler_to_life(world: World) -> None:
    plan = healthy_otherwise(world)
    for name in ("configure", "restart", "verify-sandbox"):
        end = world.drive(step(plan, name))
        assert isinstance(end, Done), end
    assert [c.key for c in world.commands] == ["validate", "replace", "arm", "restart", "disarm", "sandbox"]
    assert world.read().live_handlers >= {"kata", "kata-qemu"}
    assert world.state["timers"] == {}
    assert make_plan(samples.situation(replace(samples.node_facts(), config_file=world.read().config_file)))


def test_the_old_file_is_kept_and_the_new_one_keeps_mode_and_every_old_line(world: World) -> None:
    world.path(CONFIG).chmod(0o640)
    plan = healthy_otherwise(world)
    world.drive(step(plan, "configure"))
    backup = next(world.path("/var/lib/imsbot/backup").glob("*/*"))
    assert backup.read_text() == samples.CONFIG
    assert world.path(CONFIG).stat().st_mode & 0o777 == 0o640
    new = world.path(CONFIG).read_text().splitlines()
    assert [line for line in samples.CONFIG.splitlines() if line not in new] == []
    assert [p.name for p in world.path("/etc/containerd").iterdir()] == ["config.toml"]


def test_a_key_that_a_live_handler_gets_is_loaded_by_a_restart(world: World) -> None:
    half = samples.CONFIGURED.replace('  pod_annotations = ["io.katacontainers.*"]\n', "")
    world.path(CONFIG).write_text(half)
    world.sh("systemctl restart containerd.service")
    plan = healthy_otherwise(world)
    for name in ("configure", "restart"):
        assert isinstance(world.drive(step(plan, name)), Done)
    assert world.state["restarts"] == 2
    assert world.read().started_since_change


def test_imports_that_containerd_lists_in_any_order_fail_nobody(world: World) -> None:
    """`config dump` walks a map: the one of the facts and the one before the edit are two walks."""
    folder = world.path("/etc/containerd/conf.d")
    folder.mkdir()
    for name in "abcde":
        (folder / f"{name}.toml").write_text("version = 2\n")
    world.path(CONFIG).write_text('imports = ["/etc/containerd/conf.d/*.toml"]\n' + samples.CONFIG)
    configure = step(healthy_otherwise(world), "configure")
    asked = []
    for _ in range(6):
        validate = world.ask(configure, {}, world.now)
        assert isinstance(validate, Run)
        asked.append(world.ask(configure, {"validate": world.execute(validate.command)}, world.now))
    assert ["replace"] * 6 == [action.command.key if isinstance(action, Run) else action for action in asked]


def test_no_secret_of_the_file_gets_into_plan_or_commands(world: World) -> None:
    plan = healthy_otherwise(world)
    outcomes: dict[str, Outcome] = {}
    world.drive(step(plan, "configure"), outcomes)
    assert "hunter2" not in repr(plan) + repr(world.commands) + repr(outcomes)


def test_a_file_that_changed_after_the_approval_is_left_alone(world: World) -> None:
    plan = healthy_otherwise(world)
    edited = samples.CONFIG + "# a person was here\n"
    world.path(CONFIG).write_text(edited)
    end = world.drive(step(plan, "configure"))
    assert isinstance(end, Fail)
    assert "changed by somebody else" in end.why
    assert world.path(CONFIG).read_text() == edited


def test_a_restart_without_its_way_back_does_not_happen(world: World) -> None:
    plan = healthy_otherwise(world)
    world.drive(step(plan, "configure"))
    world.state = world.state | {"no_timers": True}
    end = world.drive(step(plan, "restart"))
    assert isinstance(end, Fail)
    assert world.state["restarts"] == 0


def test_when_nobody_disarms_it_the_node_goes_back_by_itself(world: World) -> None:
    plan = healthy_otherwise(world)
    restart = step(plan, "restart")
    world.drive(step(plan, "configure"))
    outcomes: dict[str, Outcome] = {}
    outcomes["arm"] = world.execute(world.ask(restart, outcomes, world.now).command)
    assert TIMER in world.state["timers"]
    assert "--timer-property=AccuracySec=100ms" in world.state["timers"][TIMER]["options"]
    assert world.fire(TIMER).kind is OutcomeKind.OK
    assert world.path(CONFIG).read_text() == samples.CONFIG
    end = world.drive(restart, outcomes)
    assert isinstance(end, Fail)
    assert "went back" in end.why


def test_a_rollback_that_is_just_at_work_may_end_before_it_is_cleared_away(world: World) -> None:
    at_work = f"{TIMER.removesuffix('.timer')}.service"
    world.state = world.state | {"timers": {at_work: {}}}
    ends = threading.Timer(1.0, lambda: setattr(world, "state", world.state | {"timers": {}}))
    ends.start()
    done = world.execute(disarm(samples.INCIDENT, forget=True))
    ends.join()
    assert OutcomeKind.OK is done.kind, done.output


def test_the_rollback_leaves_a_file_alone_that_somebody_edited_meanwhile(world: World) -> None:
    plan = healthy_otherwise(world)
    world.drive(step(plan, "configure"))
    world.execute(world.ask(step(plan, "restart"), {}, world.now).command)
    edited = world.path(CONFIG).read_text() + "# a person was here\n"
    world.path(CONFIG).write_text(edited)
    world.fire(TIMER)
    assert world.path(CONFIG).read_text() == edited


def test_a_failed_restart_is_undone_to_the_byte(world: World) -> None:
    plan = healthy_otherwise(world)
    world.drive(step(plan, "configure"))
    world.state = world.state | {"broken": True}
    assert isinstance(world.drive(step(plan, "restart")), Fail)
    world.state = world.state | {"broken": False}
    world.facts = replace(world.facts, cluster=samples.cluster(node=ours()))
    undo = undo_plan(plan, ["cordon", "configure", "restart"])
    assert [s.name for s in undo] == ["cordon", "undo-configure", "undo-restart", "uncordon"]
    for undoing in undo[1:3]:
        end = world.drive(undoing)
        assert isinstance(end, Done), end
    assert world.path(CONFIG).read_text() == samples.CONFIG
    assert world.read().serving
    assert world.state["timers"] == {}
    assert not list(world.path("/var/lib/imsbot/rollback").iterdir())


ONLY_KATA = (
    samples.CONFIG
    + samples.KATA_TABLES.partition('[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu]')[0]
)
WITHOUT_ANNOTATIONS = samples.CONFIGURED.replace('  pod_annotations = ["io.katacontainers.*"]\n', "")
served_before = pytest.mark.parametrize("before", [ONLY_KATA, WITHOUT_ANNOTATIONS], ids=["kata", "no annotations"])


def run_on(world: World, before: str) -> Plan:
    """A plan for a node whose containerd serves what this configuration has."""
    world.path(CONFIG).write_text(before)
    world.sh("systemctl restart containerd.service")
    return healthy_otherwise(world)


def undone(world: World, plan: Plan) -> None:
    for undoing in undo_plan(plan, ["configure", "restart"]):
        if undoing.needs_node:
            end = world.drive(undoing)
            assert isinstance(end, Done), end


@served_before
@pytest.mark.parametrize("healthy", [True, False], ids=["after the restart", "at the restart"])
def test_a_handler_of_before_is_in_no_undo_s_way(world: World, before: str, healthy: bool) -> None:
    plan = run_on(world, before)
    served = world.read().live_handlers
    world.drive(step(plan, "configure"))
    world.state = world.state | {"broken": not healthy}
    assert isinstance(world.drive(step(plan, "restart")), Done if healthy else Fail)
    world.state = world.state | {"broken": False}
    restarts = world.state["restarts"]
    undone(world, plan)
    assert before == world.path(CONFIG).read_text()
    assert (restarts + 1, served) == (world.state["restarts"], world.read().live_handlers)
    assert {} == world.state["timers"]


@served_before
def test_a_node_that_went_back_by_itself_is_not_restarted_once_more(world: World, before: str) -> None:
    plan = run_on(world, before)
    world.drive(step(plan, "configure"))
    outcomes = {"arm": world.execute(world.ask(step(plan, "restart"), {}, world.now).command)}
    world.fire(TIMER)
    takes_its_time(world)
    assert isinstance(world.drive(step(plan, "restart"), outcomes), Fail)
    restarts = world.state["restarts"]
    undone(world, plan)
    assert restarts == world.state["restarts"]
    assert not list(world.path("/var/lib/imsbot/rollback").iterdir())


def takes_its_time(world: World) -> None:
    """A real containerd is ready later than this stand-in: longer than the facts take to read."""
    unit = world.state["unit"]
    ready_us = int(unit["ActiveEnterTimestampMonotonic"][0]) + 2_000_000
    world.state = world.state | {"unit": unit | {"ActiveEnterTimestampMonotonic": [str(ready_us)]}}


def test_without_crictl_a_restored_file_is_loaded_by_a_restart(world: World) -> None:
    """Which handlers run cannot be seen there, so that none is seen says nothing."""
    plan = healthy_otherwise(world)
    back = step_named(undo_plan(plan, ["restart"]), "undo-restart")
    world.drive(step(plan, "configure"))
    world.drive(step(plan, "restart"))
    world.drive(step_named(undo_plan(plan, ["configure"]), "undo-configure"))
    node = replace(world.read(), runtime=replace(world.read().runtime, crictl=False))
    assert isinstance(back.next(samples.facts(node)), Run)


def test_an_undo_of_before_these_words_can_still_be_read(world: World) -> None:
    """A journal of an earlier version does not say what the configuration of before served."""
    plan = run_on(world, ONLY_KATA)
    planned = next(p for p in plan.steps if p.name == "restart")
    spec = json.loads(planned.spec)
    del spec["brought"]
    old = decode(msgspec.structs.replace(planned, spec=json.dumps(spec)))
    world.drive(step(plan, "configure"))
    world.drive(old)
    world.drive(step_named(undo_plan(plan, ["configure"]), "undo-configure"))
    (back,) = old.undo()
    assert isinstance(world.drive(back), Done)
    assert "kata-qemu" not in world.read().live_handlers


def step_named(steps: Iterable[Step], name: str) -> Step:
    return next(s for s in steps if s.name == name)


def ours():
    return samples.api_node(cordoned=True, annotations={"ims-remediation-bot/cordon": samples.INCIDENT})


def test_a_unit_that_kills_containers_is_a_diagnosis_that_names_them() -> None:
    node = samples.unconfigured_node()
    deletes = "/usr/bin/find /run/containerd/io.containerd.runtime.v2.task -name address -type f -delete"
    node = replace(node, unit=replace(node.unit, stop_post=(deletes,)))
    pods = (samples.pod("cray-ims-9-customize-x"), samples.pod("weave", owner="DaemonSet"))
    facts = samples.facts(node, cluster=samples.cluster(pods_on_node=pods))
    diagnosis = make_plan(samples.situation(facts=facts))
    assert isinstance(diagnosis, Diagnosis)
    assert "kill every container" in diagnosis.why
    assert "ims/cray-ims-9-customize-x" in diagnosis.guidance[0]
    assert "ims/weave" in diagnosis.guidance[1]

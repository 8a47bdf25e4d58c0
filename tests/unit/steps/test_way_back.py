"""The node's own way back, with the real scripts: as careful as the bot itself, and of use on a full disk."""

import os
import shutil
from pathlib import Path

import pytest

from bot.core.action import Done, Fail, OutcomeKind
from bot.core.model import Plan
from bot.steps.restart import disarm
from bot.steps.undo_plan import undo_plan
from tests.unit.steps import samples
from tests.unit.steps.test_thin_path import CONFIG, TIMER, healthy_otherwise, step
from tests.unit.steps.world import World, available

pytestmark = pytest.mark.skipif(not available(), reason="needs bubblewrap and containerd")
FOLDER = "/etc/containerd"
STATE = "/var/lib/imsbot"

ON_A_FULL_DISK = f"""
cp -a /tmp/saved/etc/. {FOLDER} && cp -a /tmp/saved/state/. {STATE} || exit 9
for place in {FOLDER} {STATE}; do cat /dev/zero >$place/full 2>/dev/null; done
echo x 2>/dev/null >{FOLDER}/more && [ -s {FOLDER}/more ] && exit 9
"$@"
code=$?
cp {CONFIG} /tmp/config.toml
exit $code
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "node", samples.settings())


def armed(world: World) -> Plan:
    """As far as the restart: the new configuration is there, and the timer runs."""
    plan = healthy_otherwise(world)
    assert isinstance(world.drive(step(plan, "configure")), Done)
    assert OutcomeKind.OK is world.execute(world.ask(step(plan, "restart"), {}, world.now).command).kind
    assert world.path(CONFIG).read_text() != samples.CONFIG
    return plan


def left(world: World) -> list[str]:
    return sorted(p.name for p in world.path(FOLDER).iterdir())


def test_it_keeps_mode_owner_and_extended_attributes(world: World) -> None:
    """An SELinux label is one of them."""
    world.path(CONFIG).chmod(0o640)
    os.chown(world.path(CONFIG), 0, 12)
    os.setxattr(world.path(CONFIG), "user.site", b"rendered")
    armed(world)
    assert OutcomeKind.OK is world.fire(TIMER).kind
    restored = world.path(CONFIG)
    assert samples.CONFIG == restored.read_text()
    assert b"rendered" == os.getxattr(restored, "user.site")
    assert (0o640, 12) == (restored.stat().st_mode & 0o777, restored.stat().st_gid)
    assert 1 == world.state["restarts"]
    assert ["config.toml"] == left(world)


def test_it_needs_no_room_when_it_fires(world: World) -> None:
    armed(world)
    shutil.copytree(world.path(FOLDER), world.path("/tmp/saved/etc"), symlinks=True)
    shutil.copytree(world.path(STATE), world.path("/tmp/saved/state"), symlinks=True)
    small = ("--size", "65536", "--tmpfs")
    world.mounts = (*small, FOLDER, *small, STATE)
    done = world.fire(TIMER, "sh", "-c", ON_A_FULL_DISK, "sh")
    assert OutcomeKind.OK is done.kind, done.output
    assert samples.CONFIG == world.path("/tmp/config.toml").read_text()
    assert 1 == world.state["restarts"]


def test_it_goes_back_even_where_it_cannot_note_that_it_did(world: World) -> None:
    plan = armed(world)
    world.mounts = ("--ro-bind", str(world.path(STATE)), STATE)
    assert OutcomeKind.OK is world.fire(TIMER).kind
    assert samples.CONFIG == world.path(CONFIG).read_text()
    assert 1 == world.state["restarts"]
    world.mounts = ()
    undo(world, plan)


def undo(world: World, plan: Plan) -> None:
    for undoing in undo_plan(plan, ["configure", "restart"]):
        if undoing.needs_node:
            end = world.drive(undoing)
            assert isinstance(end, Done), end
    assert samples.CONFIG == world.path(CONFIG).read_text()
    assert ["config.toml"] == left(world)
    assert [] == list(world.path(f"{STATE}/rollback").iterdir())


def test_no_import_reads_what_is_prepared_and_disarming_clears_it_away(world: World) -> None:
    armed(world)
    (prepared,) = (name for name in left(world) if name != "config.toml")
    assert prepared.startswith(".config.toml.")
    assert not prepared.endswith(".toml")
    assert OutcomeKind.OK is world.execute(disarm(samples.INCIDENT)).kind
    assert ["config.toml"] == left(world)


def test_what_an_arming_leaves_that_went_wrong_is_no_trouble_and_goes_with_the_undo(world: World) -> None:
    plan = healthy_otherwise(world)
    world.drive(step(plan, "configure"))
    world.state = world.state | {"no_timers": True}
    assert isinstance(world.drive(step(plan, "restart")), Fail)
    assert 2 == len(left(world))
    assert [(False, False)] == [(r.fired, r.armed) for r in world.read().ours.rollbacks]
    undo(world, plan)
    assert 0 == world.state["restarts"]


@pytest.mark.parametrize("damage", ["lost", "torn", "left by a crash"])
def test_a_prepared_file_that_is_not_whole_is_made_anew(world: World, damage: str) -> None:
    plan = armed(world)
    (prepared,) = (world.path(FOLDER) / name for name in left(world) if name != "config.toml")
    if damage == "lost":
        prepared.unlink()
    else:
        prepared.write_text("torn")
    if damage == "left by a crash":
        world.state = world.state | {"timers": {}}
        again = world.ask(step(plan, "restart"), {}, world.now).command
        assert OutcomeKind.OK is world.execute(again).kind
        assert samples.CONFIG == prepared.read_text()
    assert OutcomeKind.OK is world.fire(TIMER).kind
    assert samples.CONFIG == world.path(CONFIG).read_text()
    assert ["config.toml"] == left(world)


def test_what_is_prepared_goes_when_somebody_edited_the_file_meanwhile(world: World) -> None:
    armed(world)
    edited = world.path(CONFIG).read_text() + "# a person was here\n"
    world.path(CONFIG).write_text(edited)
    assert OutcomeKind.OK is world.fire(TIMER).kind
    assert edited == world.path(CONFIG).read_text()
    assert ["config.toml"] == left(world)

"""Stage, install, link and tune, run for real in a private root filesystem against a mirror on loopback."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bot.core.action import Done, OutcomeKind, Run
from bot.core.model import Diagnosis, Plan
from bot.core.settings import Settings
from bot.steps import Step, decode
from bot.steps.install import Install, Mode
from bot.steps.planner import Nothing, make_plan
from bot.steps.stage import Stage
from bot.steps.undo_plan import undo_plan
from tests.unit.steps import archives, samples
from tests.unit.steps.archives import FILES
from tests.unit.steps.mirror import Mirror, serving
from tests.unit.steps.world import World, available

pytestmark = pytest.mark.skipif(not available(), reason="needs bubblewrap and containerd")
SHIM = "/usr/local/bin/containerd-shim-kata-qemu-v2"
QEMU_TOML = "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with serving(tmp_path / "mirror") as mirror:
        yield mirror


def settings(url: str, sha: str) -> Settings:
    waive = {"kvm": "none", "vsock": "none", "tools-rpm": "none", "guest-kernel": "none"}
    kata = {"archive": {"version": "3.17.0", "url": url, "sha256": sha}, "min_free_bytes": 1, "min_free_inodes": 1}
    return samples.settings(kata=kata, checks={"waive": waive})


@pytest.fixture
def world(tmp_path: Path, mirror: Mirror) -> World:
    archive = archives.packed(archives.good_members())
    world = World(tmp_path / "node", settings(mirror.put(archive), archives.sha256(archive)))
    world.path("/etc/containerd/config.toml").write_text(samples.CONFIGURED)
    world.sh("systemctl restart containerd.service")
    world.facts = replace(world.facts, cluster=samples.cluster(rescued=()))
    return world


def plan_for(world: World) -> Plan | Diagnosis:
    facts = replace(world.facts, node=world.read())
    plan = make_plan(samples.situation(facts=facts, settings=world.settings))
    assert isinstance(plan, Plan | Diagnosis), plan
    return plan


def node_steps(plan: Plan) -> list[Step]:
    steps = [decode(planned) for planned in plan.steps]
    return [step for step in steps if step.needs_node]


def carry_out(world: World, plan: Plan | Diagnosis) -> None:
    assert isinstance(plan, Plan), plan
    for step in node_steps(plan):
        end = world.drive(step)
        assert isinstance(end, Done), (step.name, end)


def test_a_bare_node_gets_everything_and_then_needs_nothing(world: World) -> None:
    plan = plan_for(world)
    assert isinstance(plan, Plan), plan
    names = [p.name for p in plan.steps]
    assert names == [
        *("install-stage", "install", "link", "tune"),
        *("verify-sandbox", "verify-canary", "verify-cleanup"),
    ]
    carry_out(world, plan)
    node = world.read()
    assert (node.kata_missing, node.shims.broken) == ((), ())
    assert set(world.settings.kata.enable_annotations) <= set(node.kata_config.enable_annotations)
    assert (node.kata_config.file_mem_backend, node.kata_config.backend_directory) == ("/var/lib/kata", True)
    owners = {(p.lstat().st_uid, p.lstat().st_gid) for p in world.path("/opt").rglob("*")}
    assert owners == {(world.root.stat().st_uid, world.root.stat().st_gid)}
    assert not list(world.path("/var/lib/imsbot/stage").iterdir())
    facts = replace(world.facts, node=node)
    assert isinstance(make_plan(samples.situation(facts=facts, settings=world.settings)), Nothing)


def test_undoing_the_whole_leaves_the_node_as_it_was(world: World) -> None:
    def seen() -> set[str]:
        return {str(p) for top in ("/opt", "/usr/local") for p in world.path(top).rglob("*")}

    before = seen()
    plan = plan_for(world)
    carry_out(world, plan)
    assert isinstance(plan, Plan)
    undo = undo_plan(plan, [p.name for p in plan.steps])
    assert [s.name for s in undo] == ["undo-verify", "undo-link", "undo-install", "undo-stage"]
    for step in undo[1:]:
        assert isinstance(world.drive(step), Done)
    assert seen() == before


def test_only_the_missing_files_of_the_same_version_are_added(world: World) -> None:
    kept = [name for name in FILES if name != "libexec/virtiofsd"]
    archives.lay_down(world.path("/opt/kata"), kept, lambda text: text.replace("# a stock file", "# the site's"))
    plan = plan_for(world)
    assert isinstance(plan, Plan), plan
    assert next(p for p in plan.steps if p.name == "install").title.startswith("add the missing files")
    carry_out(world, plan)
    assert world.read().kata_missing == ()
    assert world.path(QEMU_TOML).read_text().startswith("# the site's")
    added = world.path(f"/var/lib/imsbot/backup/{samples.INCIDENT}/added").read_text()
    assert added == "/opt/kata/libexec/virtiofsd\n"
    for step in undo_plan(plan, ["install", "link", "tune"]):
        assert isinstance(world.drive(step), Done)
    assert world.read().kata_missing == ("/opt/kata/libexec/virtiofsd",)


def test_an_older_broken_tree_is_exchanged_and_kept(world: World) -> None:
    kept = [name for name in FILES if name != "libexec/virtiofsd"]
    archives.lay_down(world.path("/opt/kata"), kept, lambda text: text.replace("3.17.0", "3.2.0"))
    plan = plan_for(world)
    carry_out(world, plan)
    assert world.read().kata_tree.version == "3.17.0"
    old = world.path(f"/opt/.imsbot-kata-old-{samples.INCIDENT}")
    assert (old / "VERSION").read_text() == "3.2.0\n"
    assert isinstance(plan, Plan)
    for step in undo_plan(plan, ["install", "link", "tune"]):
        assert isinstance(world.drive(step), Done)
    assert world.read().kata_tree.version == "3.2.0"


def cut_short(world: World, cut: str) -> Install:
    """An exchange that ended in the middle, by a timeout or a power cut."""
    kept = [name for name in FILES if name != "libexec/virtiofsd"]
    archives.lay_down(world.path("/opt/kata"), kept, lambda text: text.replace("3.17.0", "3.2.0"))
    stage, install = node_steps(plan_for(world))[:2]
    assert isinstance(world.drive(stage), Done)
    assert isinstance(install, Install)
    tree, live, aside = (world.path(path) for path in (install.tree, "/opt/kata", "/opt/aside"))
    if cut == "exchanged, not renamed":
        live.rename(aside)
        tree.rename(live)
        aside.rename(tree)
    else:
        live.rename(world.path(install.old))
    return install


CUTS = ["exchanged, not renamed", "by two renames, cut between"]


@pytest.mark.parametrize("cut", CUTS)
def test_an_exchange_that_was_cut_short_is_finished(world: World, cut: str) -> None:
    install = cut_short(world, cut)
    assert isinstance(world.drive(install), Done)
    assert world.read().kata_tree.version == "3.17.0"
    assert (world.path(install.old) / "VERSION").read_text() == "3.2.0\n"


@pytest.mark.parametrize("cut", CUTS)
def test_an_exchange_that_was_cut_short_can_be_undone(world: World, cut: str) -> None:
    install = cut_short(world, cut)
    (undo,) = install.undo()
    assert isinstance(world.drive(undo), Done)
    assert world.read().kata_tree.version == "3.2.0"
    assert not world.path(install.old).exists()


def wrecked(world: World) -> tuple[Plan, Install]:
    """A tree that this program placed, and whose files a person removed: `rm -rf /opt/kata/*` leaves the mark."""
    carry_out(world, plan_for(world))
    world.sh("rm -rf /opt/kata/*; touch /opt/kata/wreck")
    plan = plan_for(world)
    assert isinstance(plan, Plan), plan
    stage, install = node_steps(plan)[:2]
    assert isinstance(install, Install)
    assert install.mode is Mode.EXCHANGE
    assert isinstance(world.drive(stage), Done)
    return plan, install


def assert_wreck_is_back(world: World, install: Install) -> None:
    assert world.path("/opt/kata/wreck").exists()
    assert (world.path(install.tree) / "VERSION").exists()
    assert not world.path(install.old).exists()


def test_a_damaged_tree_of_the_same_archive_is_exchanged_and_given_back(world: World) -> None:
    plan, install = wrecked(world)
    carry_out(world, plan)
    assert world.read().kata_complete
    assert (world.path(install.old) / "wreck").exists()
    for undo in undo_plan(plan, ["install"]):
        assert isinstance(world.drive(undo), Done)
    assert_wreck_is_back(world, install)


def test_undoing_an_exchange_that_never_began_leaves_a_damaged_tree_of_the_same_archive(world: World) -> None:
    _, install = wrecked(world)
    (undo,) = install.undo()
    assert isinstance(world.drive(undo), Done)
    assert_wreck_is_back(world, install)


@pytest.mark.parametrize("verb", ["exchange", "back"])
@pytest.mark.parametrize("renames", [False, True], ids=["in one step", "by two renames"])
def test_an_exchange_within_one_archive_goes_on_from_wherever_it_was_cut(
    world: World, verb: str, renames: bool
) -> None:
    """Every prefix of what it does to the file system, then the whole of it, or its way back."""
    _, install = wrecked(world)
    for done in range(4):
        command = install.command("exchange")
        cut = CUT.format(done=done, renames=renames)
        world.execute(
            msgspec.structs.replace(command, stdin=command.stdin.replace("VERBS = {", f"{cut}\nVERBS = {{"))
        )
        assert world.execute(install.command(verb)).kind is OutcomeKind.OK
        if verb == "exchange":
            assert world.path("/opt/kata/VERSION").exists()
            assert (world.path(install.old) / "wreck").exists()
            assert world.execute(install.command("back")).kind is OutcomeKind.OK
        assert_wreck_is_back(world, install)
        world.path("/opt/kata/.imsbot-archive").write_text(install.sha256 + "\n")


CUT = """
left = {done}
def until_the_cut(act):
    def counted(*args):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return act(*args)
    return counted
os.rename, os.unlink = until_the_cut(os.rename), until_the_cut(os.unlink)
exchange_names = (lambda *_: False) if {renames} else until_the_cut(exchange_names)
"""


def test_a_staged_tree_that_only_looks_like_one_is_staged_again(world: World) -> None:
    """What an earlier deletion left, or a wreck under its name: the mark is there and the shim is not."""
    stage, install = node_steps(plan_for(world))[:2]
    assert isinstance(install, Install)
    torn = world.path(install.tree)
    torn.mkdir()
    (torn / ".imsbot-archive").write_text(install.sha256 + "\n")
    assert isinstance(world.drive(stage), Done)
    assert isinstance(world.drive(install), Done)


def test_deleting_a_staged_tree_leaves_nothing_that_looks_like_one_wherever_it_is_cut(world: World) -> None:
    archives.lay_down(world.path("/opt/kata"), [name for name in FILES if name != "libexec/virtiofsd"])
    stage, install = node_steps(plan_for(world))[:2]
    assert isinstance(install, Install)
    assert isinstance(world.drive(stage), Done)
    command = install.command("add")
    cut = "def cut(*_):\n    os._exit(9)\nshutil.rmtree = cut\n"
    world.execute(msgspec.structs.replace(command, stdin=command.stdin.replace("VERBS = {", f"{cut}\nVERBS = {{")))
    assert world.read().kata_missing == ()
    assert not world.path(install.tree).exists()


@pytest.mark.parametrize("cut", ["after the download", "while it was unpacked", "unpacked"])
def test_a_repair_that_fails_after_its_stage_began_leaves_nothing_of_it(world: World, cut: str) -> None:
    plan = plan_for(world)
    stage, install = node_steps(plan)[:2]
    assert isinstance(stage, Stage)
    assert isinstance(install, Install)
    if cut == "unpacked":
        assert isinstance(world.drive(stage), Done)
    else:
        download = world.ask(stage, {}, world.now)
        assert isinstance(download, Run)
        assert world.execute(download.command).kind is OutcomeKind.OK
    if cut == "while it was unpacked":
        world.path(f"{install.tree}.partial").mkdir()
    assert isinstance(plan, Plan)
    (undo,) = undo_plan(plan, ["install-stage"])
    assert isinstance(world.drive(undo), Done)
    assert not list(world.path("/opt").iterdir())
    assert not list(world.path("/var/lib/imsbot/stage").iterdir())


def test_a_tree_without_the_mark_is_never_deleted_as_one_that_was_staged(world: World) -> None:
    install = cut_short(world, "exchanged, not renamed")
    stage = archives.stage("https://mirror/kata", install.sha256)
    assert stage.tree == install.tree
    world.execute(stage.discard())
    assert (world.path(install.tree) / "VERSION").read_text() == "3.2.0\n"


def test_a_newer_version_is_never_replaced(world: World) -> None:
    archives.lay_down(world.path("/opt/kata"), ["VERSION"], lambda text: text.replace("3.17.0", "3.21.0"))
    diagnosis = plan_for(world)
    assert isinstance(diagnosis, Diagnosis)
    assert "newer than the configured 3.17.0" in diagnosis.why


def test_files_that_the_site_edited_are_listed_instead_of_lost(world: World) -> None:
    archives.lay_down(world.path("/opt/kata"), FILES, lambda text: text.replace("3.17.0", "3.2.0"))
    world.path("/opt/kata/libexec/virtiofsd").unlink()
    world.sh("touch -d @1600000000 /opt/kata/VERSION")
    diagnosis = plan_for(world)
    assert isinstance(diagnosis, Diagnosis)
    assert f"{QEMU_TOML} (edited)" in diagnosis.why


def test_a_wrapper_that_works_is_left_and_a_dangling_link_is_replaced_and_given_back(world: World) -> None:
    archives.lay_down(world.path("/opt/kata"), FILES)
    wrapper = world.path("/usr/local/bin/containerd-shim-kata-v2")
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    world.path(SHIM).symlink_to("/opt/gone")
    plan = plan_for(world)
    assert isinstance(plan, Plan), plan
    carry_out(world, plan)
    assert world.path(SHIM).readlink() == Path("/opt/kata/bin/containerd-shim-kata-v2")
    assert wrapper.read_text() == "#!/bin/sh\n"
    for step in undo_plan(plan, ["link"]):
        assert isinstance(world.drive(step), Done)
    assert world.path(SHIM).readlink() == Path("/opt/gone")


def test_the_stock_list_of_annotations_is_widened_and_comments_stay(world: World) -> None:
    archives.lay_down(world.path("/opt/kata"), FILES)
    world.path(SHIM).symlink_to("/opt/kata/bin/containerd-shim-kata-v2")
    plan = plan_for(world)
    assert isinstance(plan, Plan), plan
    assert next(p.name for p in plan.steps) == "tune"
    mode = stat.S_IMODE(world.path(QEMU_TOML).stat().st_mode)
    carry_out(world, plan)
    text = world.path(QEMU_TOML).read_text()
    wanted = '["enable_iommu", "virtio_fs_extra_args", "default_memory", "kernel_params", "cpu_features"]'
    assert f"enable_annotations = {wanted}\n" in text
    assert text.startswith("# a stock file\n")
    assert stat.S_IMODE(world.path(QEMU_TOML).stat().st_mode) == mode
    for step in undo_plan(plan, ["tune"]):
        assert isinstance(world.drive(step), Done)
    assert world.path(QEMU_TOML).read_text() == archives.STOCK

"""Two `config dump` outputs: what changed besides our runtimes, and whether those are really there.

The 1.6 dumps were printed by containerd 1.6.20; the 2.3 one has the shape that containerd 2.3 migrates to.
"""

from pathlib import PurePosixPath

import pytest

from bot.core.containerd.compare import Difference, compare, handlers, missing_handlers
from bot.core.containerd.imports import Imports, imports_of, in_order
from bot.core.errors import UnknownFactError
from tests.unit.containerd.cases import CASES

DUMPS = CASES / "_dumps"
BEFORE = (DUMPS / "containerd-1.6-before.toml").read_text()
AFTER = (DUMPS / "containerd-1.6-after.toml").read_text()
MIGRATED = (DUMPS / "containerd-2.3-migrated.toml").read_text()
CRI = 'plugins."io.containerd.grpc.v1.cri"'
QEMU = f"{CRI}.containerd.runtimes.kata-qemu"


def test_a_good_candidate_changes_nothing_but_our_runtimes() -> None:
    assert compare(BEFORE, AFTER) == ()
    assert missing_handlers(AFTER) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "SystemdCgroup = true",
            "SystemdCgroup = false",
            Difference(f"{CRI}.containerd.runtimes.runc.options.SystemdCgroup", "true", "false"),
        ),
        (
            "SystemdCgroup = true",
            "",
            Difference(f"{CRI}.containerd.runtimes.runc.options.SystemdCgroup", "true", None),
        ),
        (
            'sandbox_image = "registry.local/pause:3.9"',
            'sandbox_image = "registry.k8s.io/pause:3.6"',
            Difference(f"{CRI}.sandbox_image", '"registry.local/pause:3.9"', '"registry.k8s.io/pause:3.6"'),
        ),
        (
            'default_runtime_name = "runc"',
            'default_runtime_name = "kata"',
            Difference(f"{CRI}.containerd.default_runtime_name", '"runc"', '"kata"'),
        ),
        (
            'snapshotter = "native"',
            'snapshotter = "overlayfs"',
            Difference(f"{CRI}.containerd.snapshotter", '"native"', '"overlayfs"'),
        ),
        (
            'endpoint = ["https://registry.local"]',
            "endpoint = []",
            Difference(f'{CRI}.registry.mirrors."docker.io".endpoint', '["https://registry.local"]', "[]"),
        ),
        ('config_path = ""', 'config_path = "/x"', Difference(f"{CRI}.registry.config_path", '""', '"/x"')),
        (
            "disabled_plugins = []",
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
            Difference("disabled_plugins", "[]", '["io.containerd.grpc.v1.cri"]'),
        ),
        (
            "disable_apparmor = false",
            "disable_apparmor = 0",
            Difference(f"{CRI}.disable_apparmor", "false", "0"),
        ),
    ],
)
def test_any_other_change_is_named_with_its_path(old: str, new: str, expected: Difference) -> None:
    assert old in AFTER
    assert expected in compare(BEFORE, AFTER.replace(old, new))


def test_a_changed_secret_is_named_but_not_shown() -> None:
    path = f'{CRI}.registry.configs."registry.local".auth.password'
    assert compare(BEFORE, AFTER.replace("hunter2", "hunter3")) == (Difference(path, "***", "***"),)


def test_a_lost_or_extra_import_is_a_change_but_the_candidates_own_name_is_not() -> None:
    lost = BEFORE.replace('["/etc/containerd/config.toml"]', '["/etc/containerd/config.toml", "/etc/x.toml"]')
    swapped = AFTER.replace('["/etc/containerd/config.toml.candidate"]', '["/tmp/c.toml", "/etc/x.toml"]')
    assert compare(lost, swapped) == ()
    assert [difference.path for difference in compare(lost, AFTER)] == ["imports"]


def test_a_runtime_of_ours_may_only_get_what_it_lacked() -> None:
    bare = AFTER.replace("privileged_without_host_devices = true", "privileged_without_host_devices = false")
    assert compare(bare, AFTER) == ()
    paths = [difference.path for difference in compare(AFTER, bare)]
    assert f"{QEMU}.privileged_without_host_devices" in paths


def test_a_handler_that_the_dump_does_not_know_is_missing_though_the_file_has_it() -> None:
    lacking = missing_handlers(BEFORE)
    assert Difference(f"{QEMU}.runtime_type", '"io.containerd.kata-qemu.v2"', None) in lacking
    assert len(lacking) == 8


def test_a_wrong_value_is_missing_and_a_foreign_kata_is_not() -> None:
    wrong = AFTER.replace("configuration-qemu.toml", "other.toml")
    assert [f"{QEMU}.options.ConfigPath"] == [difference.path for difference in missing_handlers(wrong)]
    assert missing_handlers(AFTER.replace("kata-containers/configuration.toml", "mine.toml")) == ()


def test_handlers_do_nothing_while_cri_is_off() -> None:
    off = AFTER.replace("disabled_plugins = []", 'disabled_plugins = ["io.containerd.grpc.v1.cri"]')
    assert [Difference("disabled_plugins", None, '"io.containerd.grpc.v1.cri"')] == list(missing_handlers(off))


def test_a_migrated_dump_is_judged_by_its_own_schema() -> None:
    assert missing_handlers(MIGRATED) == ()
    image = MIGRATED.replace("pause:3.9", "pause:3.10")
    assert [difference.path for difference in compare(MIGRATED, image)] == [
        'plugins."io.containerd.cri.v1.images".pinned_images.sandbox'
    ]


def test_handlers_are_listed_with_what_decides_about_them() -> None:
    found = handlers(AFTER)
    assert {"kata", "kata-qemu", "runc"} == set(found)
    assert found["kata-qemu"].runtime_type == "io.containerd.kata-qemu.v2"
    assert found["kata-qemu"].config_path == "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml"
    assert found["runc"].config_path is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "printed schema null"),
        ("version = 9", "printed schema 9"),
        ('version = "2"', 'printed schema "2"'),
        ("containerd: failed to load TOML", "line 1, column 11: not valid TOML"),
        ("version = 2\nx = \udcff", "not UTF-8"),
        ("x = " + "[" * 5000, "nested more than"),
    ],
)
def test_output_that_is_no_dump_is_an_error_never_an_empty_one(text: str, part: str) -> None:
    with pytest.raises(UnknownFactError, match="config dump") as raised:
        compare(text, AFTER)
    assert part in str(raised.value)
    with pytest.raises(UnknownFactError):
        missing_handlers(text)


def test_imports_are_resolved_beside_the_file_and_only_stars_are_globs() -> None:
    content = b'version = 2\nimports = ["./debug.toml", "/etc/x?.toml", "conf.d/*.toml"]\n'
    expected = Imports(
        literal=(PurePosixPath("/etc/containerd/debug.toml"), PurePosixPath("/etc/x?.toml")),
        globs=(PurePosixPath("/etc/containerd/conf.d/*.toml"),),
    )
    assert expected == imports_of(content, PurePosixPath("/etc/containerd/config.toml"))


@pytest.mark.parametrize(
    ("names", "sorted_names"),
    [
        (b'"/etc/c.toml", "/etc/a.toml"', b'"/etc/a.toml", "/etc/c.toml"'),
        (b"'/etc/c.toml', '/etc/a.toml'", b"'/etc/a.toml', '/etc/c.toml'"),
        (rb'"/etc/b, \"c\".toml", "/etc/a.toml"', rb'"/etc/a.toml", "/etc/b, \"c\".toml"'),
        (b"", b""),
        (b'"/etc/c.toml","/etc/a.toml"', b'"/etc/c.toml","/etc/a.toml"'),
    ],
)
def test_the_imports_of_a_dump_get_one_order(names: bytes, sorted_names: bytes) -> None:
    dump = b'disabled_plugins = []\nimports = [%s]\nversion = 2\n  x = ["b", "a"]\n'
    assert dump % sorted_names == in_order(dump % names)


def test_a_dump_without_imports_stays_as_it_is() -> None:
    assert b"version = 2\n" == in_order(b"version = 2\n")


@pytest.mark.parametrize("content", [b"imports = [ , ]", b'imports = "x"', b"\xff"])
def test_unreadable_imports_are_unknown_not_none(content: bytes) -> None:
    with pytest.raises(UnknownFactError, match="are unknown"):
        imports_of(content, PurePosixPath("/etc/containerd/config.toml"))

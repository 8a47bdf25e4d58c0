"""What must hold for every merged file, written without the code under test.

Used on our own cases, on generated files and on the corpora of real files.
"""

import tomllib
from itertools import pairwise
from typing import Any

NEEDED = {
    "kata": {
        "runtime_type": "io.containerd.kata.v2",
        "privileged_without_host_devices": True,
        "pod_annotations": ["io.katacontainers.*"],
        "options": {"ConfigPath": "/opt/kata/share/defaults/kata-containers/configuration.toml"},
    },
    "kata-qemu": {
        "runtime_type": "io.containerd.kata-qemu.v2",
        "privileged_without_host_devices": True,
        "pod_annotations": ["io.katacontainers.*"],
        "options": {"ConfigPath": "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml"},
    },
}
PLUGIN = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}


def parsed(content: bytes) -> dict[str, Any]:
    return tomllib.loads(content.decode("utf-8-sig"))


def runtimes_of(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = tree["plugins"][PLUGIN[tree["version"]]]["containerd"]["runtimes"]
    return found


def assert_faithful(before: bytes, after: bytes, *, rewrites_a_line: bool = False) -> None:
    """`after` is `before` with what our runtimes lacked, and nothing else."""
    assert_only_ours_added(before, after)
    if not rewrites_a_line:
        assert_lines_kept(before, after)
    assert_line_ends_kept(before, after)
    assert_comments_stay_on_their_tables(before, after)


def assert_only_ours_added(before: bytes, after: bytes) -> None:
    old, new = parsed(before), parsed(after)
    was, now = runtimes_of(old), runtimes_of(new)
    foreign = {"kata"} if _differs(was.get("kata", {}), NEEDED["kata"]) else set()
    for name in NEEDED.keys() - foreign:
        expected = dict(was.get(name, {}))
        wanted = NEEDED[name]
        expected = {**wanted, **expected, "options": {**wanted["options"], **expected.get("options", {})}}  # type: ignore[dict-item]
        assert expected == now.pop(name)
        was.pop(name, None)
    assert old == new


def _differs(table: dict[str, Any], wanted: dict[str, Any]) -> bool:
    flat = {**table, **table.get("options", {})}
    needed = {**wanted, **wanted["options"]}
    return any(key in flat and flat[key] != value for key, value in needed.items() if key != "options")


def assert_lines_kept(before: bytes, after: bytes) -> None:
    """Every old line is there, in order, byte for byte; only a missing last line end may have been added."""
    remaining = iter(after.splitlines(keepends=True))
    for line in before.splitlines(keepends=True):
        open_ended = not line.endswith(b"\n")
        assert any(new == line or (open_ended and new.rstrip(b"\r\n") == line) for new in remaining), line


def assert_line_ends_kept(before: bytes, after: bytes) -> None:
    if b"\n" in before and b"\n" not in before.replace(b"\r\n", b""):
        assert b"\n" not in after.replace(b"\r\n", b"")
    if b"\r" not in before:
        assert b"\r" not in after


def assert_comments_stay_on_their_tables(before: bytes, after: bytes) -> None:
    """A comment right above a header, not indented deeper than it, is still right above it."""
    now = set(pairwise(after.splitlines()))
    for line, below in pairwise(before.splitlines()):
        is_comment = line.strip().startswith(b"#") and not line.endswith((b"'''", b'"""'))
        if is_comment and below.strip().startswith((b"[", b"#")) and _indent(line) <= _indent(below):
            assert (line, below) in now


def _indent(line: bytes) -> int:
    return len(line.expandtabs()) - len(line.expandtabs().lstrip())

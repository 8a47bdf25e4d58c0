"""The archive mirror: what it serves is what upstream's archives are like, and every trap is really in it."""

import hashlib
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.mirror import Archive, Format, Mirror, Trap, build
from tests.sandbox.nodes import WITHOUT_KATA, Nodes


@pytest.fixture
async def mirror(tmp_path: Path) -> AsyncIterator[Mirror]:
    async with Mirror(tmp_path / "mirror") as mirror:
        yield mirror


def members(archive: Archive) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive.path) as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize("form", list(Format))
def test_the_same_release_is_the_same_bytes(tmp_path: Path, form: Format) -> None:
    one, other = (build(tmp_path / name, "3.17.0", form) for name in ("one", "other"))
    assert one.sha256 == other.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert f"kata-static-3.17.0-amd64.{form}" == one.name


def test_another_version_is_another_archive(tmp_path: Path) -> None:
    assert build(tmp_path / "a", "3.17.0").sha256 != build(tmp_path / "b", "3.18.0").sha256


def test_the_archive_carries_upstreams_owner_trap(tmp_path: Path) -> None:
    root = members(build(tmp_path, "3.17.0"))["."]
    assert (0o700, 1001, 123) == (root.mode, root.uid, root.gid)


@pytest.mark.parametrize(
    ("trap", "name"),
    [
        (Trap.PARENT_MEMBER, "../../etc/planted"),
        (Trap.ABSOLUTE_MEMBER, "/etc/planted"),
        (Trap.ESCAPING_LINK, "./opt/kata/share/etc"),
        (Trap.WRITE_THROUGH_LINK, "./opt/kata/out/planted"),
        (Trap.HARD_LINK, "./opt/kata/shadow"),
        (Trap.DEVICE_NODE, "./opt/kata/null"),
        (Trap.OUTSIDE_KATA, "./usr/local/bin/planted"),
    ],
)
def test_a_spoiled_archive_has_its_bad_member(tmp_path: Path, trap: Trap, name: str) -> None:
    assert name in members(build(tmp_path, "3.17.0", trap=trap))


def test_a_truncated_archive_does_not_unpack(tmp_path: Path) -> None:
    archive = build(tmp_path, "3.17.0", trap=Trap.TRUNCATED)
    assert subprocess.run(["tar", "-tJf", archive.path], capture_output=True).returncode != 0


async def test_an_archive_is_served_whole_and_in_ranges(mirror: Mirror) -> None:
    archive = await mirror.add("3.17.0")
    async with aiohttp.ClientSession() as session:
        async with session.get(mirror.url(archive)) as response:
            whole = await response.read()
        async with session.get(mirror.url(archive), headers={"Range": "bytes=100-"}) as response:
            assert (206, whole[100:]) == (response.status, await response.read())
    assert archive.sha256 == hashlib.sha256(whole).hexdigest()
    assert 2 == mirror.requests[f"/none/{archive.name}"]


async def test_a_bad_day_of_the_mirror_is_seen_by_curl(mirror: Mirror, tmp_path: Path) -> None:
    archive = await mirror.add("3.17.0")
    async with Nodes(tmp_path / "nodes") as nodes:
        node = await nodes.add("ncn-w001", WITHOUT_KATA)
        fetch = f"curl -sSf -o /tmp/kata.tar.xz {mirror.url(archive)} 2>/dev/null; echo $?"
        mirror.failing_status = 503
        assert "22\n" == await node.shell(fetch)
        mirror.failing_status, mirror.cut_after_bytes = None, 2048
        assert await node.shell(fetch) in ("18\n", "56\n")
        mirror.cut_after_bytes = None
        assert "0\n" == await node.shell(fetch)


@pytest.mark.parametrize("form", list(Format))
async def test_an_archive_unpacked_on_a_node_is_an_installation(
    mirror: Mirror, tmp_path: Path, form: Format
) -> None:
    archive = await mirror.add("3.17.0", form)
    async with Nodes(tmp_path / "nodes") as nodes:
        node = await nodes.add("ncn-w001", WITHOUT_KATA)
        await node.shell(
            f"curl -sSf -o /tmp/kata.{form} {mirror.url(archive)} && echo '{archive.sha256}  /tmp/kata.{form}' | "
            f"sha256sum -c - && mkdir /opt/new && tar --no-same-owner -C /opt/new -xf /tmp/kata.{form} && "
            "mv /opt/new/opt/kata /opt/kata"
        )
        assert "3.17.0\n" == await node.shell("cat /opt/kata/VERSION")
        versions = await node.shell(
            "/opt/kata/bin/containerd-shim-kata-v2 --version; /opt/kata/bin/kata-runtime --version"
        )
        assert 2 == versions.count("3.17.0")
        assert "6.12.22-145" in await node.shell("cat /opt/kata/share/kata-containers/vmlinux.container")

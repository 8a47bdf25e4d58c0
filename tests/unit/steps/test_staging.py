"""What the node's programs refuse to fetch and to unpack; they take paths, so they run here as they are."""

import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.steps.program import source
from tests.unit.steps import archives
from tests.unit.steps.archives import Member, member
from tests.unit.steps.mirror import serving

VERSION = "3.17.0"


def unpack(root: Path, content: bytes, sha: str | None = None, version: str = VERSION) -> tuple[int, str]:
    (root / "stage").mkdir()
    (root / "opt").mkdir()
    (root / "stage" / "archive").write_bytes(content)
    argv = [str(root / "stage" / "archive"), sha or archives.sha256(content), "xz", str(root / "opt" / "new")]
    return python("unpack.py", [*argv, version])


def python(program: str, args: Sequence[str]) -> tuple[int, str]:
    argv = [sys.executable, "-", *args]
    done = subprocess.run(argv, input=source(program).encode(), capture_output=True, timeout=30, check=False)
    return done.returncode, done.stderr.decode()


def left(root: Path) -> list[str]:
    return [p.name for p in (root / "opt").iterdir()]


def test_a_good_archive_is_unpacked_with_modes_links_and_mark(tmp_path: Path) -> None:
    content = archives.packed(archives.good_members())
    assert unpack(tmp_path, content) == (0, "")
    tree = tmp_path / "opt" / "new"
    assert (tree / ".imsbot-archive").read_text().strip() == archives.sha256(content)
    assert (tree / "share/kata-containers/vmlinux.container").read_text() == "kernel"
    assert (tree / "libexec/virtiofsd").stat().st_mode & 0o777 == 0o755
    assert tree.stat().st_uid == tmp_path.stat().st_uid
    assert not (tmp_path / "stage").exists()


HOSTILE = {
    "absolute": member("/opt/kata/bin/x", "x"),
    "climbing": member("./opt/kata/../../etc/cron.d/x", "x"),
    "elsewhere": member("./etc/passwd", "x"),
    "link out": member("./opt/kata/x", type=tarfile.SYMTYPE, linkname="../../etc"),
    "absolute link": member("./opt/kata/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link out": member("./opt/kata/x", type=tarfile.LNKTYPE, linkname="etc/passwd"),
    "device": member("./opt/kata/x", type=tarfile.CHRTYPE),
    "setuid": member("./opt/kata/x", "x", 0o4755),
    "root is a link": member("./opt/kata", type=tarfile.SYMTYPE, linkname="/etc"),
}


def assert_refused(root: Path, members: Sequence[Member], why: str) -> None:
    code, said = unpack(root, archives.packed(members))
    assert (code, left(root)) == (1, [])
    assert "refused" in said
    assert why in said


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_member_is_refused_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    assert_refused(tmp_path, [*archives.good_members(), HOSTILE[kind]], "the archive's")


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path: Path) -> None:
    inner = member("./opt/kata/inner", type=tarfile.SYMTYPE, linkname="bin")
    members = [*archives.good_members(), inner, member("./opt/kata/inner/x", "x")]
    assert_refused(tmp_path, members, "behind a link")


def test_an_archive_without_the_go_shim_is_refused(tmp_path: Path) -> None:
    members = [m for m in archives.good_members() if "containerd-shim" not in m[0].name]
    assert_refused(tmp_path, members, "with the Go runtime?")


def test_an_archive_of_another_version_is_refused(tmp_path: Path) -> None:
    code, said = unpack(tmp_path, archives.packed(archives.good_members()), version="3.18.0")
    assert (code, left(tmp_path)) == (1, [])
    assert "the archive is Kata 3.17.0, the configuration says 3.18.0" in said


def test_a_wrong_checksum_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    code, said = unpack(tmp_path, b"something else", sha="0" * 64)
    assert (code, left(tmp_path)) == (1, [])
    assert "not the pinned" in said


def test_a_torn_archive_is_refused_even_with_its_own_checksum(tmp_path: Path) -> None:
    code, _ = unpack(tmp_path, archives.packed(archives.good_members())[:-40])
    assert code != 0
    assert left(tmp_path) == []


def download(root: Path, url: str, sha: str) -> subprocess.CompletedProcess[bytes]:
    argv = ["sh", "-s", "--", str(root / "stage"), url, sha, "100000", "10", ""]
    return subprocess.run(argv, input=source("download.sh").encode(), capture_output=True, timeout=30, check=False)


def test_an_archive_is_fetched_once_and_checked(tmp_path: Path) -> None:
    with serving(tmp_path / "mirror") as mirror:
        url = mirror.put(b"the archive")
        assert download(tmp_path, url, archives.sha256(b"the archive")).returncode == 0
    assert download(tmp_path, url, archives.sha256(b"the archive")).returncode == 0
    assert (tmp_path / "stage" / "archive").read_bytes() == b"the archive"
    assert (tmp_path / "stage").stat().st_mode & 0o777 == 0o700


def test_a_half_of_another_file_is_never_resumed(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "part").write_bytes(b"foreign")
    with serving(tmp_path / "mirror") as mirror:
        done = download(tmp_path, mirror.put(b"the archive"), archives.sha256(b"the archive"))
    assert (done.returncode, [p.name for p in (tmp_path / "stage").iterdir()]) == (0, ["archive"])


def test_a_download_with_another_checksum_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path / "mirror") as mirror:
        done = download(tmp_path, mirror.put(b"something else"), "0" * 64)
    assert done.returncode == 1
    assert b"not the pinned" in done.stderr
    assert not list((tmp_path / "stage").iterdir())


@contextmanager
def endless_mirror(seconds: float) -> Iterator[str]:
    """Sends a little, then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 5000)
                time.sleep(seconds)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/kata.tar.xz"
        thread.join()


@pytest.mark.parametrize("ended_by", ["curl's own bound", "the unit's bound"])
def test_a_download_that_does_not_end_leaves_no_half_behind(tmp_path: Path, ended_by: str) -> None:
    seconds = "1" if ended_by == "curl's own bound" else "60"
    with endless_mirror(3) as url:
        argv = ["sh", "-s", "--", str(tmp_path / "stage"), url, "0" * 64, "100000", seconds, ""]
        running = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        assert running.stdin is not None
        running.stdin.write(source("download.sh").encode())
        running.stdin.close()
        part = tmp_path / "stage" / "part"
        deadline = time.monotonic() + 10
        while not part.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if ended_by == "the unit's bound":
            os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(20) != 0
        assert running.stderr is not None
        running.stderr.close()
    assert not list((tmp_path / "stage").iterdir())


def test_what_repairs_forgot_a_day_ago_makes_room(tmp_path: Path) -> None:
    """A younger one may be of a repair that goes on, and an old tree is kept."""
    names = ["opt/.imsbot-kata-3.16.0-aaaa", "opt/.imsbot-kata-3.15.0-bbbb.partial", "state/aaaa"]
    kept = ["opt/.imsbot-kata-3.14.0-cccc", "opt/.imsbot-kata-old-abcd2345", "opt/kata", "state/cccc"]
    for name in [*names, *kept]:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    for name in [*names, "opt/.imsbot-kata-old-abcd2345", "opt/kata"]:
        os.utime(tmp_path / name, (0, 0))
    content = archives.packed(archives.good_members())
    archive = tmp_path / "state" / "here" / "archive"
    archive.parent.mkdir()
    archive.write_bytes(content)
    argv = [str(archive), archives.sha256(content), "xz", str(tmp_path / "opt" / ".imsbot-kata-new"), VERSION]
    assert python("unpack.py", argv) == (0, "")
    left = [str(p.relative_to(tmp_path)) for top in ("opt", "state") for p in (tmp_path / top).iterdir()]
    assert sorted([*kept, "opt/.imsbot-kata-new"]) == sorted(left)


def test_a_mirror_that_has_no_such_file_is_said(tmp_path: Path) -> None:
    with serving(tmp_path / "mirror") as mirror:
        done = download(tmp_path, mirror.put(b"").replace("kata.tar", "other.tar"), "0" * 64)
    assert done.returncode != 0
    assert b"404" in done.stderr

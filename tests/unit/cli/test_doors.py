"""Who may read and pause what, and before the first start: one clear line, and files that the service can use."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OTHER = 65534
ORDINARY = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example, with its keys in `keys` and its journal in the folder `state`, which is not there yet."""
    document = yaml.safe_load((ROOT / "config.example.yaml").read_text())
    (tmp_path / "keys").mkdir()
    for section, key in (("ssh", "client_key"), ("ssh", "known_hosts")):
        path = tmp_path / "keys" / key
        path.touch(0o600)
        document[section][key] = str(path)
    document["slack"] = {"enabled": False}
    document["journal"] = str(tmp_path / "state/journal.sqlite")
    written = tmp_path / "config.yaml"
    written.write_text(yaml.safe_dump(document))
    return written


def imsbot(config: Path, *words: str, ordinary: bool = False, under: tuple[str, ...] = ()) -> tuple[int, str]:
    """`ordinary`: without what lets root read everybody's files. Another user might not reach our Python."""
    ended = subprocess.run(
        [*(ORDINARY if ordinary else under), sys.executable, "-m", "bot", *words, "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def given_to(path: Path, user: int) -> Path:
    path.mkdir(mode=0o700)
    os.chown(path, user, user)
    return path


def test_a_pause_before_the_first_start_is_kept_for_it(config: Path) -> None:
    (config.parent / "state").mkdir()
    code, told = imsbot(config, "pause", "--reason", "not yet")
    assert (0, True) == (code, told.startswith("Paused: ")), told
    assert ": not yet (since" in imsbot(config, "incidents")[1]
    assert (0, "Resumed: repairs go on. (No bot is running now.)\n") == imsbot(config, "resume")


@as_root
def test_a_journal_that_root_made_is_the_service_s_own(config: Path) -> None:
    state = given_to(config.parent / "state", OTHER)
    assert 0 == imsbot(config, "pause")[0]
    assert {(OTHER, OTHER, 0o100600)} == {(s.st_uid, s.st_gid, s.st_mode) for s in map(Path.stat, state.iterdir())}


@as_root
def test_root_gives_away_no_file_that_was_there(config: Path) -> None:
    """The folder's owner could have linked any file of root's there."""
    lock = given_to(config.parent / "state", OTHER) / "journal.sqlite.lock"
    lock.touch(0o600)
    assert 0 == imsbot(config, "pause")[0]
    assert 0 == lock.stat().st_uid


def test_without_its_folder_a_pause_says_how_else(config: Path) -> None:
    state = config.parent / "state"
    how = "kubectl -n ims-remediation-bot create configmap imsbot --from-literal=pause=WHY"
    told = f"imsbot: no bot is running, and its next start cannot be paused here: there is no {state}. "
    assert (2, f"{told}From anywhere: `{how}`\n") == imsbot(config, "pause")
    assert not state.exists()
    assert (2, True) == ((told := imsbot(config, "resume"))[0], "no bot is running" in told[1])


@as_root
@pytest.mark.parametrize("words", [["incidents"], ["show", "abcdefgh"], ["pause"]])
def test_a_folder_that_is_shut_is_named(config: Path, words: list[str]) -> None:
    state = given_to(config.parent / "state", OTHER)
    code, told = imsbot(config, *words, ordinary=True)
    assert (2, 1) == (code, told.count("\n"))
    assert (
        f"{state}/journal.sqlite.sock: only" in told or f"{state} may be read by its owner and root only" in told
    )
    assert "use sudo" in told


@as_root
def test_keys_that_are_shut_are_named(config: Path) -> None:
    keys = config.parent / "keys"
    keys.chmod(0o700)
    os.chown(keys, OTHER, OTHER)
    code, told = imsbot(config, "approve", "abcdefgh", ordinary=True)
    assert 2 == code
    for line, key in zip(told.splitlines(), ("client_key", "known_hosts"), strict=True):
        said = "Permission denied; use sudo, or let the user who runs this read it"
        assert line.endswith(f"ssh.{key}: {keys}/{key} cannot be read: {said}")


@as_root
def test_a_journal_that_is_shut_is_not_damaged(config: Path) -> None:
    state = config.parent / "state"
    state.mkdir()
    sqlite3.connect(state / "journal.sqlite").close()
    (state / "journal.sqlite").chmod(0o600)
    os.chown(state / "journal.sqlite", OTHER, OTHER)
    told = f"imsbot: {state}/journal.sqlite may be read by its owner and root only; use sudo\n"
    assert (2, told) == imsbot(config, "incidents", ordinary=True)


def test_a_bot_that_finds_its_journal_held_may_be_started_again(config: Path) -> None:
    """By the exit code: the service's unit keeps down what ends with 2."""
    assert 0 == imsbot_paused(config)
    with (config.parent / "state/journal.sqlite.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, told = imsbot(config, "run")
    assert (1, True) == (code, "the journal is held by" in told), told


@pytest.mark.parametrize("room", [16, 4096])
def test_a_bot_without_room_for_its_journal_may_be_started_again(config: Path, room: int) -> None:
    assert 0 == imsbot_paused(config)
    code, told = imsbot(config, "run", under=("prlimit", f"--fsize={room}", "--"))
    assert (1, True) == (code, "journal" in told), told
    assert "backup" not in told, "it is not damaged"


def test_a_bot_whose_journal_is_damaged_waits_for_a_person(config: Path) -> None:
    (config.parent / "state").mkdir()
    (config.parent / "state/journal.sqlite").write_bytes(b"no journal" * 1000)
    code, told = imsbot(config, "run")
    assert (2, True) == (code, "restore it from a backup" in told), told


def imsbot_paused(config: Path) -> int:
    """Makes the journal."""
    (config.parent / "state").mkdir()
    return imsbot(config, "pause")[0]


def test_each_of_several_errors_is_a_line_of_the_program(config: Path) -> None:
    config.write_text(config.read_text() + "\none: 1\ntwo: 2\n")
    code, told = imsbot(config, "incidents")
    assert (2, 2) == (code, len(told.splitlines()))
    assert all(line.startswith("imsbot: ") for line in told.splitlines())

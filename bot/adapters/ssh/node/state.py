"""What a node remembers of us: a directory that only root can enter, its lock, the epoch, one record per unit.

It survives a reboot. Everything is written whole or not at all, and is on disk before it counts. Whatever cannot
be read is an error: an epoch that is not there protects nothing (design.md invariant 12).
"""
# ruff: noqa: UP006, UP015, UP035, UP045

import contextlib
import fcntl
import json
import os
import stat
import time
from typing import Any, Dict, Iterator, Optional

LOCK_WAIT_S = 20.0
FORMAT = 1
RESERVE_BYTES = 16 * 1024
"""Kept on disk for the result before a command begins: a full disk must not hide how it ended."""

Record = Dict[str, Any]


class Trouble(Exception):
    """The node cannot answer. `temporary`: asking again may work."""

    def __init__(self, why: str, temporary: bool = False) -> None:
        super().__init__(why)
        self.temporary = temporary


class Refused(Exception):
    """The epoch forbids the command."""


def enter(root: str) -> None:
    """Make the state directory the current one, created if need be. Paths are relative from here on."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(root, 0o700)
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Trouble(f"{root}: must be a directory of root's own: {error.strerror}") from error
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise Trouble(
                f"{root}: belongs to uid {found.st_uid} with mode {stat.S_IMODE(found.st_mode):o}; "
                "others could forge our records. Look who made it, then remove it"
            )
        os.fchmod(fd, 0o700)
        os.fchdir(fd)
    finally:
        os.close(fd)
    with contextlib.suppress(FileExistsError):
        os.mkdir("units", 0o700)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """The node's one lock. The kernel gives it back when its holder dies."""
    fd = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Trouble(f"{os.getcwd()}/lock is held by another", temporary=True) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(fd)


def write(path: str, content: bytes) -> None:
    """Old or new, never torn, and on disk on return."""
    write_new(path + ".new", content)
    os.replace(path + ".new", path)
    sync(os.path.dirname(path) or ".")


def write_new(path: str, content: bytes, flags: int = os.O_CREAT | os.O_TRUNC) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def encode(record: Record) -> bytes:
    return json.dumps(dict(record, format=FORMAT)).encode("ascii")


def read(path: str) -> Optional[Record]:
    """None when the file does not exist. Raises Trouble when it is damaged."""
    try:
        with open(path, "rb") as file:
            record = json.loads(file.read().decode("ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Trouble(f"{os.getcwd()}/{path}: damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise Trouble(f"{os.getcwd()}/{path}: damaged, or of another version of the bot")
    return record


def mint(at_least: int, holder: str) -> int:
    """Under the lock: a number that no holder before had, on disk before it is told."""
    last = read("epoch")
    epoch = max(_number(last) if last else 0, at_least) + 1
    write("epoch", encode({"epoch": epoch, "holder": holder}))
    return epoch


def check_epoch(epoch: int) -> None:
    """Under the lock. Raises Refused unless the newest epoch of this node is the given one."""
    try:
        last = read("epoch")
        newest = _number(last) if last else None
    except Trouble as error:
        raise Refused(f"refused: the protection against an older holder is missing: {error}") from error
    if last is None or newest is None:
        raise Refused("refused: this node holds no epoch, so nothing protects it against an older holder")
    if newest > epoch:
        raise Refused(
            f"refused: this command carries epoch {epoch}, but the node has seen {newest} of {last.get('holder')}"
        )
    if newest < epoch:
        raise Refused(
            f"refused: this command carries epoch {epoch}, but the node knows only {newest}: it lost what it knew"
        )


def _number(record: Record) -> int:
    epoch = record.get("epoch")
    if not isinstance(epoch, int) or epoch < 0:
        raise Trouble(f"{os.getcwd()}/epoch: damaged: no number in it")
    return epoch


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", "r") as file:
        return file.read().strip()


def unit_dir(unit: str) -> str:
    return "units/" + unit


def reserve_result(directory: str) -> None:
    """Room for the result, taken from the disk before the command runs."""
    write_new(directory + "/result.reserved", b" " * RESERVE_BYTES)


def write_result(directory: str, kind: str, exit_code: Optional[int] = None, **more: Any) -> None:
    """How the unit ended, for good. Written over the reserved room where there is some."""
    reserved = directory + "/result.reserved"
    content = encode(dict(more, kind=kind, exit_code=exit_code))
    if os.path.exists(reserved):
        write_new(reserved, content.ljust(RESERVE_BYTES), flags=0)
        os.replace(reserved, directory + "/result")
        sync(directory)
    else:
        write(directory + "/result", content)

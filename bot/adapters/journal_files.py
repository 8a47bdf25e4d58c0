"""The journal's files: the lock beside it, who owns what is made, and whether there is a journal at all."""

import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from bot.core.errors import JournalError, JournalUnavailableError, shut


class LockFile:
    """An exclusive lock beside the journal; its text names the holder for the person who meets it."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".lock")
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises JournalUnavailableError, naming the holder when another process has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = open_or_make(self.path)
            try:
                self._take(fd)
            except BaseException:
                os.close(fd)
                raise
        except OSError as error:
            raise JournalUnavailableError(
                f"{self.path}: cannot make the journal's lock file: {error.strerror}"
            ) from error
        self._fd = fd

    def _take(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(fd, 200).decode("utf-8", "replace").strip() or "an unnamed process"
            raise JournalUnavailableError(
                f"{self.path}: the journal is held by {holder}; only one bot may run on it. "
                "Stop that one first, or give this one another `journal`."
            ) from error
        os.ftruncate(fd, 0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(fd, f"pid {os.getpid()} on {socket.gethostname()} since {started}\n".encode(), 0)

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def open_or_make(path: Path) -> int:
    """For reading and writing. A new file is for its owner alone, and that is the folder's.

    Who makes it as root (`sudo imsbot pause` before the first start) must not shut the service's user out. SQLite
    gives its -wal and -shm files the owner of the journal. An existing file keeps its owner: the folder's owner
    could have linked anything there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags, 0o600)
    folder = path.parent.stat()
    if os.geteuid() == 0 and folder.st_uid != 0:
        os.fchown(fd, folder.st_uid, folder.st_gid)
    return fd


def journal_exists(path: Path) -> bool:
    """Raises JournalError when this user may not know: the folder is its owner's."""
    try:
        return path.exists()
    except PermissionError as error:
        raise JournalError(shut(path.parent)) from error

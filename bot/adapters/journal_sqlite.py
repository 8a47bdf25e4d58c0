"""The journal as one SQLite file: durable, ordered, one writer (design.md 8, invariant 3).

WAL with `synchronous=FULL`, so that a committed entry survives a power cut. One process may write: it holds an
exclusive `flock` on a lock file beside the journal for as long as it lives, which the kernel gives back when it is
killed. Readers (`imsbot incidents`, `show`) open the file read-only and need no lock. A file that is damaged, or
that is not a journal of ours, is reported and never touched.

SQLite calls block, so a single worker thread makes them; the event loop only waits.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from bot.adapters.journal_files import LockFile, journal_exists, open_or_make
from bot.adapters.journal_records import PAUSES, SWEEPS
from bot.core import entries
from bot.core.entries import History
from bot.core.errors import UNDECODABLE, JournalError, JournalUnavailableError, shut
from bot.core.model import IncidentId
from bot.core.pause import PauseRecord
from bot.core.sweep import SweepRecord

T = TypeVar("T")

APPLICATION_ID = 0x494D5342
"""`PRAGMA application_id`: "IMSB"."""

_SCHEMA = """
BEGIN;
PRAGMA application_id = {application};
PRAGMA user_version = {version};
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
CREATE TABLE entries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL,
    format INTEGER NOT NULL,
    entry BLOB NOT NULL
);
COMMIT;
"""

_INSERT_ENTRY = "INSERT INTO entries (incident, format, entry) VALUES (?, ?, ?)"


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA busy_timeout = 10000")
    return connection


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(f"{path}: this is not a journal of ims-remediation-bot; it is left as it is")
    if version != entries.FORMAT:
        raise JournalError(
            f"{path}: the journal has format {version}, this program knows format {entries.FORMAT}; "
            "run the version of the program that wrote it"
        )
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(str(verdict))


_PASSING = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
}
"""Of the disk, of its mount or of other processes, not of the file (sqlite.org/rescode.html)."""


def _passes(error: sqlite3.Error) -> bool:
    """The lower byte is the primary code; what we raise ourselves has none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _PASSING


def _unreadable(path: Path, error: sqlite3.Error) -> JournalError:
    words = " ".join(str(error).split())
    if _passes(error):
        return JournalUnavailableError(f"{path}: the journal cannot be read now ({words})")
    return JournalError(
        f"{path}: the journal cannot be read ({words}). It is left as it is: restore it from a backup, or move it "
        "aside after looking at every node for a cordon annotated `ims-remediation-bot/cordon`"
    )


class SqliteJournal:
    """The engine's `Journal` on one file. Open it with `async with`, from the process that holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = LockFile(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._id = ""

    @property
    def id(self) -> str:
        return self._id

    async def __aenter__(self) -> Self:
        """Raises JournalError when the journal is held, damaged, or not ours."""
        self._lock.acquire()
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._lock.release()
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._in_thread(self._close)
        self._thread.shutdown(wait=True)
        self._lock.release()

    async def append(self, incident: IncidentId, entry: entries.Entry) -> None:
        record = entries.encode(entry)
        await self._in_thread(lambda: self._write(_INSERT_ENTRY, (incident, entries.FORMAT, record)))

    async def read(self) -> Mapping[IncidentId, History]:
        return await self._in_thread(lambda: _read_all(self._opened, self.path))

    async def note_pause(self, record: PauseRecord) -> None:
        await self._in_thread(lambda: self._write(PAUSES.insert, PAUSES.row(record)))

    async def pauses(self) -> Sequence[PauseRecord]:
        return await self._in_thread(lambda: self._read(PAUSES.read))

    async def note_sweep(self, record: SweepRecord) -> None:
        await self._in_thread(lambda: self._write(SWEEPS.insert, SWEEPS.row(record)))

    async def sweeps(self) -> Sequence[SweepRecord]:
        return await self._in_thread(lambda: self._read(SWEEPS.read))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"{self.path}: the journal is closed")
        return self._connection

    def _open(self) -> None:
        try:
            new = not self.path.exists() or self.path.stat().st_size == 0
            os.close(open_or_make(self.path))
            connection = _connect(self.path, read_only=False)
            if new:
                self.path.chmod(0o600)
                connection.executescript(_SCHEMA.format(application=APPLICATION_ID, version=entries.FORMAT))
            _check_ours(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(PAUSES.create + SWEEPS.create)
            (self._id,) = connection.execute("SELECT id FROM identity").fetchone()
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from error
        except OSError as error:
            raise JournalUnavailableError(f"{self.path}: cannot open the journal: {error.strerror}") from error
        self._connection = connection

    def _read(self, read: Callable[[sqlite3.Connection, Path], T]) -> T:
        try:
            return read(self._opened, self.path)
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, statement: str, row: tuple[str | int | bytes, ...]) -> None:
        try:
            self._opened.execute(statement, row)
        except sqlite3.Error as error:
            kind = JournalUnavailableError if _passes(error) else JournalError
            raise kind(f"{self.path}: cannot write the journal ({error}); nothing more is done") from error


def _read_all(connection: sqlite3.Connection, path: Path) -> dict[IncidentId, History]:
    found: dict[IncidentId, list[entries.Entry]] = {}
    unknown: dict[IncidentId, str] = {}
    try:
        for n, incident, version, record in connection.execute(
            "SELECT n, incident, format, entry FROM entries ORDER BY n"
        ):
            decoded = found.setdefault(IncidentId(incident), [])
            if IncidentId(incident) in unknown:
                continue
            try:
                if version != entries.FORMAT:
                    raise msgspec.ValidationError(f"format {version}")
                decoded.append(entries.decode(record))
            except UNDECODABLE as error:
                unknown[IncidentId(incident)] = f"record {n} of the journal is not known to this program ({error})"
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    return {key: History(tuple(value), unknown.get(key, "")) for key, value in found.items()}


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a journal."""

    histories: Mapping[IncidentId, History]
    pauses: Sequence[PauseRecord]
    sweeps: Sequence[SweepRecord]


def read_contents(path: Path) -> Contents:
    """Everything in the journal at `path`, read-only and without its lock; blocking, for commands.

    Raises JournalError when there is none, this user may not read it, or it is damaged or not ours.
    """
    if not journal_exists(path):
        raise JournalError(f"{path}: there is no journal yet; `imsbot run` makes it")
    if not os.access(path, os.R_OK):
        raise JournalError(shut(path))
    try:
        connection = _connect(path, read_only=True)
        try:
            _check_ours(connection, path)
            return Contents(
                _read_all(connection, path),
                PAUSES.read(connection, path),
                SWEEPS.read(connection, path),
            )
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def read_sweeps(path: Path) -> Sequence[SweepRecord]:
    """Its sweeps only; nothing when there is no journal yet. Raises as `read_contents`."""
    return read_contents(path).sweeps if journal_exists(path) else ()

"""The journal's small tables, of pauses (`core/pause`) and of sweeps (`core/sweep`): records in order, beside the
incidents in the same file, so that one lock, one backup and one look at a start cover all.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from bot.core import pause, sweep
from bot.core.errors import UNDECODABLE, JournalError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RecordTable(Generic[R]):
    """`name` is the table's, and `record` what people call one of its rows."""

    name: str
    record: str
    format: int
    encode: Callable[[R], bytes]
    decode: Callable[[bytes], R]

    @property
    def create(self) -> str:
        return f"""
        CREATE TABLE IF NOT EXISTS {self.name} (
            n INTEGER PRIMARY KEY AUTOINCREMENT,
            format INTEGER NOT NULL,
            record BLOB NOT NULL
        );
        """

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.name} (format, record) VALUES (?, ?)"  # noqa: S608 - a name of ours

    def row(self, record: R) -> tuple[int, bytes]:
        """For `insert`."""
        return self.format, self.encode(record)

    def read(self, connection: sqlite3.Connection, path: Path) -> list[R]:
        """All records in order; none where a reader meets a journal of before there was this table.

        Raises sqlite3.Error, and JournalError for a record that is not known: it may be a pause that holds, or
        name a node that is expected.
        """
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (self.name,)).fetchone()
        if known is None:
            return []
        rows = connection.execute(f"SELECT n, format, record FROM {self.name} ORDER BY n")  # noqa: S608 - a name of ours
        return [self._decoded(row, path) for row in rows]

    def _decoded(self, row: tuple[int, int, bytes], path: Path) -> R:
        n, version, record = row
        try:
            if version != self.format:
                raise msgspec.ValidationError(f"format {version}")
            return self.decode(record)
        except UNDECODABLE as error:
            raise JournalError(
                f"{path}: {self.record} {n} is not known to this program ({error}); run the version that wrote it"
            ) from error


PAUSES = RecordTable("pauses", "pause", pause.FORMAT, pause.encode, pause.decode)
SWEEPS = RecordTable("sweeps", "sweep record", sweep.FORMAT, sweep.encode, sweep.decode)

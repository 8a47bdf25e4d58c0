"""The journal's table of sweeps (`core/sweep`), beside the incidents in the same file: one lock, one backup."""

import sqlite3
from pathlib import Path

import msgspec

from bot.core.errors import JournalError
from bot.core.sweep import FORMAT, SweepRecord, decode, encode

TABLE = """
CREATE TABLE IF NOT EXISTS sweeps (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    format INTEGER NOT NULL,
    record BLOB NOT NULL
);
"""
INSERT = "INSERT INTO sweeps (format, record) VALUES (?, ?)"


def row_of(record: SweepRecord) -> tuple[int, bytes]:
    """For `INSERT`."""
    return FORMAT, encode(record)


def read_sweeps(connection: sqlite3.Connection, path: Path) -> list[SweepRecord]:
    """All records in order; none in a journal of before there were sweeps.

    Raises sqlite3.Error, and JournalError for a record that is not known: it may name a node that is expected.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sweeps'").fetchone() is None:
        return []
    return [_read(row, path) for row in connection.execute("SELECT n, format, record FROM sweeps ORDER BY n")]


def _read(row: tuple[int, int, bytes], path: Path) -> SweepRecord:
    n, version, record = row
    try:
        if version != FORMAT:
            raise msgspec.ValidationError(f"format {version}")
        return decode(record)
    except msgspec.MsgspecError as error:
        raise JournalError(
            f"{path}: sweep record {n} is not known to this program ({error}); run the version that wrote it"
        ) from error

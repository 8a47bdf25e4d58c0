"""The journal's table of pauses: the last record of each door says whether it holds (`core/pause`).

It lies beside the incidents in the same file, so that one lock, one backup and one look at a start cover both.
"""

import sqlite3
from pathlib import Path

import msgspec

from bot.core.errors import JournalError
from bot.core.pause import FORMAT, PauseRecord, decode, encode

TABLE = """
CREATE TABLE IF NOT EXISTS pauses (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    format INTEGER NOT NULL,
    record BLOB NOT NULL
);
"""
INSERT = "INSERT INTO pauses (format, record) VALUES (?, ?)"


def row_of(record: PauseRecord) -> tuple[int, bytes]:
    """For `INSERT`."""
    return FORMAT, encode(record)


def read_pauses(connection: sqlite3.Connection, path: Path) -> list[PauseRecord]:
    """All records in order; none where a reader meets a journal of before there were pauses.

    Raises sqlite3.Error, and JournalError for a record that is not known: it may be a pause that holds.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pauses'").fetchone() is None:
        return []
    return [_read(row, path) for row in connection.execute("SELECT n, format, record FROM pauses ORDER BY n")]


def _read(row: tuple[int, int, bytes], path: Path) -> PauseRecord:
    n, version, record = row
    try:
        if version != FORMAT:
            raise msgspec.ValidationError(f"format {version}")
        return decode(record)
    except msgspec.MsgspecError as error:
        raise JournalError(
            f"{path}: pause {n} is not known to this program ({error}); run the version that wrote it"
        ) from error

"""The journal on a real file: durable, one writer, and never overwritten when it is not what it should be."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.journal_sqlite import SqliteJournal, read_contents, read_sweeps
from bot.core import entries as e
from bot.core import sweep as s
from bot.core.errors import JournalError, JournalUnavailableError
from bot.core.model import Actor, IncidentId, Target, TargetKind
from bot.core.pause import Door, Paused, Resumed, encode

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ID = IncidentId("abcdefgh")


def opened(name: str = "ncn-w001") -> e.Opened:
    return e.Opened(at=NOW, target=Target(TargetKind.NODE, name, "uid-1"), sighting=None)


async def test_entries_come_back_in_order_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        await journal.append(ID, opened())
        await journal.append(IncidentId("other222"), opened("ncn-w002"))
        await journal.append(ID, e.Held(at=NOW, why="a test"))
        identity = journal.id
    async with SqliteJournal(path) as journal:
        histories = await journal.read()
        assert identity == journal.id
    assert (opened(), e.Held(at=NOW, why="a test")) == histories[ID].entries
    assert (opened("ncn-w002"),) == histories[IncidentId("other222")].entries


async def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path):
        with pytest.raises(JournalUnavailableError, match=rf"held by pid {os.getpid()} on .*; only one bot"):
            await SqliteJournal(path).__aenter__()


async def test_readers_need_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        await journal.append(ID, opened())
        assert (opened(),) == read_contents(path).histories[ID].entries


async def test_what_was_appended_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    program = textwrap.dedent(f"""
        import asyncio, os, pathlib, signal
        from bot.adapters.journal_sqlite import SqliteJournal
        from tests.adapters.journal.test_journal_sqlite import ID, opened
        async def main():
            async with SqliteJournal(pathlib.Path({str(path)!r})) as journal:
                await journal.append(ID, opened())
                os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """)
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert ended.returncode == -signal.SIGKILL
    async with SqliteJournal(path) as journal:
        assert (opened(),) == (await journal.read())[ID].entries


async def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        for _ in range(200):
            await journal.append(ID, opened())
    raw = bytearray(path.read_bytes())
    raw[4096 : 4096 * 2] = b"\xff" * 4096
    path.write_bytes(raw)
    with pytest.raises(JournalError, match=r"cannot be read .* It is left as it is"):
        await SqliteJournal(path).__aenter__()
    assert bytes(raw) == path.read_bytes()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 30, b"x"])
async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError):
        await SqliteJournal(path).__aenter__()
    assert content == path.read_bytes()


async def test_somebody_elses_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(JournalError, match="not a journal of ims-remediation-bot"):
        await SqliteJournal(path).__aenter__()


@pytest.mark.parametrize(("version", "entry"), [(2, b'{"entry":"from-later"}'), (1, b'{"entry":"held\xef"}')])
async def test_a_record_that_is_not_known_is_told_and_ends_what_is_known(
    tmp_path: Path, version: int, entry: bytes
) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        await journal.append(ID, opened())
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("INSERT INTO entries (incident, format, entry) VALUES (?, ?, ?)", (ID, version, entry))
    raw.close()
    async with SqliteJournal(path) as journal:
        await journal.append(ID, e.Held(at=NOW, why="after it"))
        history = (await journal.read())[ID]
    assert (opened(),) == history.entries
    assert "record 2 of the journal is not known" in history.unknown


def test_no_journal_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal yet"):
        read_contents(tmp_path / "journal.sqlite")


async def test_a_journal_that_cannot_be_written_stops_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        other = sqlite3.connect(path)
        with other:
            other.execute("DROP TABLE entries")
        other.close()
        with pytest.raises(JournalError, match="cannot write the journal"):
            await journal.append(ID, opened())


async def test_a_disk_that_is_full_is_not_a_damaged_journal(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: SQLite and the system say the same at the same places."""
    path = tmp_path / "journal.sqlite"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with SqliteJournal(path) as journal:
        await journal.append(ID, opened())
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size, hard))
            with pytest.raises(JournalUnavailableError, match="cannot write the journal"):
                await journal.append(ID, opened())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await journal.append(ID, e.Held(at=NOW, why="there is room again"))
        assert [opened(), e.Held(at=NOW, why="there is room again")] == list((await journal.read())[ID].entries)


PAUSED = Paused(at=NOW, door=Door.TERMINAL, actor=Actor(via="cli", user="root"), reason="maintenance")


async def test_pauses_come_back_after_a_restart_and_readers_see_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        assert [] == await journal.pauses()
        await journal.note_pause(PAUSED)
    async with SqliteJournal(path) as journal:
        assert [PAUSED] == await journal.pauses()
        resumed = Resumed(at=NOW, door=Door.TERMINAL, actor=PAUSED.actor)
        await journal.note_pause(resumed)
        assert [PAUSED, resumed] == read_contents(path).pauses


async def test_a_journal_of_before_there_were_pauses_is_read_and_gets_its_table(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path) as journal:
        await journal.append(ID, opened())
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE pauses")
    connection.close()
    assert [] == read_contents(path).pauses
    async with SqliteJournal(path) as journal:
        await journal.note_pause(PAUSED)
        assert (opened(),) == (await journal.read())[ID].entries


@pytest.mark.parametrize(
    ("version", "record"),
    [
        (2, encode(PAUSED)),
        (1, b'{"pause":"half"}'),
        (1, b"torn"),
        (1, encode(PAUSED).replace(b"root", b"r\xefot")),
    ],
)
async def test_a_pause_that_is_not_known_may_hold_so_the_bot_does_not_start(
    tmp_path: Path, version: int, record: bytes
) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO pauses (format, record) VALUES (?, ?)", (version, record))
    connection.close()
    async with SqliteJournal(path) as journal:
        with pytest.raises(JournalError, match="pause 1 is not known"):
            await journal.pauses()


async def test_sweeps_come_back_in_order_and_are_read_without_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    assert () == tuple(read_sweeps(path)), "no journal yet"
    begun = s.Begun(at=NOW, sweep="sweep-1", nodes=("ncn-w001",))
    ended = s.Ended(at=NOW, sweep="sweep-1", rows=(), fine=1)
    async with SqliteJournal(path) as journal:
        await journal.note_sweep(begun)
        await journal.note_sweep(ended)
        assert [begun, ended] == list(read_sweeps(path))
    async with SqliteJournal(path) as journal:
        assert [begun, ended] == list(await journal.sweeps())


async def test_a_journal_of_before_there_were_sweeps_gets_their_table(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE sweeps")
    assert [] == list(read_sweeps(path))
    async with SqliteJournal(path) as journal:
        await journal.note_sweep(s.Scheduled(at=NOW))
        assert [s.Scheduled(at=NOW)] == list(await journal.sweeps())


async def test_an_unknown_record_of_a_sweep_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('INSERT INTO sweeps (format, record) VALUES (1, \'{"entry":"from-the-future"}\')')
        connection.commit()
    with pytest.raises(JournalError, match="sweep record 1 is not known to this program"):
        read_sweeps(path)

"""`imsbot incidents` and `show` say of an incident what the bot makes of it, also where records are not known."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import yaml

from bot.adapters.journal_sqlite import SqliteJournal
from bot.cli.incidents import list_incidents, show_incident
from bot.cli.options import Output
from bot.core import entries as e
from bot.core.errors import JournalError
from bot.core.model import IncidentId, Target, TargetKind

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
UNKNOWN = '{"entry":"from-later"}'


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """Of a bot whose journal knows the beginning of one incident, and nothing of another."""
    journal, key, written = tmp_path / "journal.sqlite", tmp_path / "key", tmp_path / "config.yaml"
    key.touch(0o600)
    async with SqliteJournal(journal) as opened:
        target = Target(TargetKind.NODE, "ncn-w001", "uid-1")
        await opened.append(IncidentId("half2222"), e.Opened(at=NOW, target=target, sighting=None))
    with closing(sqlite3.connect(journal)) as raw, raw:
        for incident in ("half2222", "none3333"):
            raw.execute("INSERT INTO entries (incident, format, entry) VALUES (?, 1, ?)", (incident, UNKNOWN))
    document = {
        "journal": str(journal),
        "ssh": {"client_key": str(key), "known_hosts": str(key)},
        "canary": {"image": "x"},
        "slack": {"enabled": False},
    }
    written.write_text(yaml.safe_dump(document))
    return written


def test_the_list_says_what_is_held_and_what_cannot_be_read(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_incidents(config, Output.TABLE, every=False)
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if line.startswith("half2222"))
    assert "held" in row
    (line,) = (line for line in lines if "none3333" in line)
    assert "cannot be read: record 3 of the journal is not known" in line
    assert "run the version of the program that wrote it" in line


def test_programs_are_told_the_same(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_incidents(config, Output.JSON, every=False)
    half, none = msgspec.json.decode(capsys.readouterr().out)
    assert ("half2222", "held") == (half["id"], half["phase"])
    assert ("none3333", "unreadable") == (none["id"], none["phase"])
    assert all("is not known to this program" in one["held"] for one in (half, none))


def test_one_of_them_says_why(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_incident("half2222", config, Output.TABLE)
    output = capsys.readouterr().out
    assert "held" in output.splitlines()[0]
    assert "record 2 of the journal is not known to this program" in output
    with pytest.raises(JournalError, match="none3333 cannot be read: record 3"):
        show_incident("none3333", config, Output.TABLE)

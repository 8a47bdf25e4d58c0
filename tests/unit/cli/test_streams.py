"""Standard streams that a caller closed, or that cannot be written: one clear line, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

EVENTS = next((Path(__file__).parents[2] / "cases" / "recordings").rglob("events.jsonl"))


def shell(line: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m bot {line}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)


def test_a_full_disk_behind_stdout_is_one_line() -> None:
    ended = shell(f"explain {EVENTS} >/dev/full")
    assert (1, "imsbot: cannot write the output: No space left on device\n") == (ended.returncode, ended.stderr)


def test_a_closed_stdout_is_one_line() -> None:
    ended = shell(f"explain {EVENTS} >&-")
    assert (1, "imsbot: cannot write the output: Bad file descriptor\n") == (ended.returncode, ended.stderr)


@pytest.mark.parametrize("line", ["explain - <&-", "preview - <&-", "explain - <&- >&-", "explain - <&- 2>&-"])
def test_a_closed_stdin_is_an_empty_one(line: str) -> None:
    assert "Traceback" not in shell(line).stderr


def test_an_empty_stdin_is_told_what_to_pipe_in() -> None:
    ended = shell("explain - </dev/null")
    assert (2, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith(
        "imsbot: standard input is empty; pipe in objects as JSON, for example `kubectl "
    )


def test_a_reader_that_has_seen_enough_is_not_complained_of() -> None:
    assert "" == shell(f"explain {EVENTS} | head -n 1").stderr

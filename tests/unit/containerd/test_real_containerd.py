"""The installed containerd reads what we merged: its parser and its idea of defaults have the last word."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bot.core.containerd.compare import compare, missing_handlers
from tests.unit.containerd.cases import MERGED, Case, named
from tests.unit.containerd.invariants import parsed

CONTAINERD = shutil.which("containerd")
pytestmark = pytest.mark.skipif(CONTAINERD is None, reason="needs containerd (Debian package)")

SCHEMA_2 = [case for case in MERGED if parsed(case.content)["version"] == 2]
SCHEMA_3 = [case for case in MERGED if parsed(case.content)["version"] == 3]


def _dump(folder: Path, content: bytes) -> str:
    file = folder / "config.toml"
    file.write_bytes(content)
    assert CONTAINERD is not None
    command = [CONTAINERD, "--config", str(file), "config", "dump"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", named(SCHEMA_2))
def test_containerd_gets_our_runtimes_and_keeps_the_rest(case: Case, tmp_path: Path) -> None:
    assert case.merged is not None
    before, after = _dump(tmp_path, case.content), _dump(tmp_path, case.merged)
    assert compare(before, after) == ()
    assert missing_handlers(after) == ()


@pytest.mark.parametrize("case", named(SCHEMA_3))
def test_a_containerd_that_ignores_the_names_is_found_out(case: Case, tmp_path: Path) -> None:
    """1.x accepts schema 3 with exit status 0 and ignores its tables; only the dump tells."""
    assert case.merged is not None
    dump = _dump(tmp_path, case.merged)
    if "version = 2" in dump.splitlines():
        assert missing_handlers(dump)
    else:
        assert missing_handlers(dump) == ()

"""Real configurations, as they were published: each gives what the corpus's index expects.

`IMSBOT_CORPUS` is a folder with `*.toml` and, if it has one, an `INDEX.md` whose section *Expected of a merge* is
a table of number and expectation. Files that the index does not know must still hold every invariant.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bot.core.containerd.compare import compare, missing_handlers
from bot.core.containerd.diff import added_lines, unified_diff
from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged, Refused, Unchanged
from tests.unit.containerd.invariants import assert_faithful, parsed
from tests.unit.containerd.test_real_containerd import CONTAINERD

CORPUS = Path(os.environ["IMSBOT_CORPUS"])
FILES = sorted(CORPUS.rglob("*.toml"))
_ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*(.+?)\s*\|\s*$", re.MULTILINE)


def _expectations() -> dict[str, str]:
    index = CORPUS / "INDEX.md"
    if not index.exists():
        return {}
    section = index.read_text().partition("## Expected of a merge")[2].partition("\n## ")[0]
    return dict(_ROW.findall(section))


EXPECTED = _expectations()


def test_the_corpus_is_there() -> None:
    assert FILES, f"no *.toml in {CORPUS}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_file_gives_what_the_index_expects(file: Path) -> None:
    expected = EXPECTED.get(file.stem.partition("-")[0])
    verdict = merge(file.read_bytes())
    match expected and expected.split(":")[0].split(",")[0].split(" (")[0]:
        case "merge":
            assert isinstance(verdict, Merged), verdict
        case "nothing to do":
            assert isinstance(verdict, Unchanged), verdict
        case "refuse":
            assert isinstance(verdict, Refused), verdict
            _assert_same_reason(str(expected), str(verdict))
        case None:
            assert isinstance(verdict, Merged | Unchanged | Refused)
        case other:
            pytest.fail(f"the index says {other!r}, which this test does not know")
    if expected and "imports" in expected:
        assert isinstance(verdict, Merged)
        assert any("imports" in warning for warning in verdict.warnings)


def _assert_same_reason(expected: str, reason: str) -> None:
    for word in ("schema 4", "no `version`", "CRI is disabled", "hide", "`version = 2`", "line 231", "${RUNTIME}"):
        if word in expected.split(";")[0]:
            assert word in reason or "the file says nothing" in reason


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_whatever_is_merged_is_only_extended(file: Path) -> None:
    content = file.read_bytes()
    verdict = merge(content)
    if isinstance(verdict, Merged):
        assert_faithful(content, verdict.after)
        assert isinstance(merge(verdict.after), Unchanged)
        assert unified_diff(verdict, file.name)
        assert added_lines(verdict)


@pytest.mark.skipif(CONTAINERD is None, reason="needs containerd (Debian package)")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_containerd_sees_only_our_runtimes_more(file: Path, tmp_path: Path) -> None:
    verdict = merge(file.read_bytes())
    if not isinstance(verdict, Merged) or parsed(verdict.before)["version"] != 2:
        return
    before, after = (_dump(tmp_path, content) for content in (verdict.before, verdict.after))
    if before is not None:
        assert after is not None
        assert compare(before, after) == ()
        assert missing_handlers(after) == ()


def _dump(folder: Path, content: bytes) -> str | None:
    """None: this containerd refuses the file (an import that is only on its node)."""
    file = folder / "config.toml"
    file.write_bytes(content)
    command = [str(CONTAINERD), "--config", str(file), "config", "dump"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else None

"""Nobody can say for sure whose a comment is, so none may get another neighbour or another table above it."""

import pytest

from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged
from tests.unit.containerd.cases import CASES

Surroundings = tuple[bytes, bytes, bytes]


@pytest.mark.parametrize("comment", [b"# a note\n", b"        # deeper\n", b"#[debug]\n"])
@pytest.mark.parametrize(
    "case", ["flat-empty-parents-nvidia", "both-are-in-one-row-and-incomplete", "crlf-without-final-newline"]
)
def test_a_comment_on_any_line_keeps_what_is_around_it(case: str, comment: bytes) -> None:
    rows = (CASES / case / "in.toml").read_bytes().splitlines(keepends=True)
    for place in range(len(rows)):
        content = b"".join([*rows[:place], comment, *rows[place:]])
        verdict = merge(content)
        assert isinstance(verdict, Merged)
        assert _surroundings(content) == _surroundings(verdict.after)


@pytest.mark.parametrize("case", ["comments-at-every-seam-but-one", "comments-at-all-runtimes"])
def test_a_seam_without_comments_is_found(case: str) -> None:
    content = (CASES / case / "in.toml").read_bytes()
    verdict = merge(content)
    assert isinstance(verdict, Merged)
    assert _surroundings(content) == _surroundings(verdict.after)


def _surroundings(content: bytes) -> list[Surroundings]:
    """Of every comment: the statement above, the one below, and the header that is in force."""
    rows = [row.strip() for row in content.splitlines() if row.strip()]
    found: list[Surroundings] = []
    table = above = b""
    for index, row in enumerate(rows):
        if row.startswith(b"#"):
            found.append((above, next((r for r in rows[index:] if not r.startswith(b"#")), b""), table))
        else:
            above, table = row, row if row.startswith(b"[") else table
    return found

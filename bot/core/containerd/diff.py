"""What people are shown of a merge: a unified diff in the terminal, added lines on a card.

Both leave out secrets: a registry's password stands a few lines from the runtimes in many files, and a diff's
context would carry it into a chat. Values are judged by the whole path of their key, so a `username` under `auth`
is masked like the password beside it.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from bot.core.containerd.document import Document, read
from bot.core.containerd.verdict import Merged, visible

MASK = "***"
_SECRET = re.compile(r"auth|passw|passphrase|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_COMMENTED_SECRET = re.compile(rf"(#.*?(?:{_SECRET.pattern})[\w.\"'-]*\s*[=:]\s*)\S.*", re.IGNORECASE)
_URL_LOGIN = re.compile(r"(://)[^/@\s\"']+@")
_CONTEXT_LINES = 3


def unified_diff(merged: Merged, name: str) -> tuple[str, ...]:
    """The lines of a unified diff, without line ends. `name` labels both sides."""
    before, after = _masked_lines(read(merged.before)), _masked_lines(read(merged.after))
    return tuple(
        line.rstrip("\n")
        for line in difflib.unified_diff(before, after, name, f"{name} (merged)", n=_CONTEXT_LINES, lineterm="")
    )


def added_lines(merged: Merged) -> tuple[str, ...]:
    """For cards: what is added (`+ …`), each below the header of the table in front of it (`  …`)."""
    document = read(merged.before)
    before, after = _masked_lines(document), _masked_lines(read(merged.after))
    rows: list[str] = []
    for tag, start, _, first, end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if tag in ("insert", "replace"):
            headers = [s.first for s in document.statements if s.is_header and s.first < start]
            rows += [f"  {before[headers[-1]].strip()}"] if headers else []
            rows += [f"+ {row}".rstrip() for row in after[first:end]]
    return tuple(rows)


def is_secret(path: tuple[str, ...]) -> bool:
    """Is a value at this path not to be shown?"""
    return any(_SECRET.search(part) for part in path)


def _masked_lines(document: Document) -> list[str]:
    """The file's lines without their ends, as many as it has, fit for a terminal."""
    lines = [line.rstrip("\r\n") for line in document.lines]
    for statement in document.statements:
        if statement.is_header:
            continue
        if is_secret(statement.path) or _holds_secret(document.get(statement.path)):
            lines[statement.first] = f"{lines[statement.first][: statement.value_column]} {MASK}"
            for line in range(statement.first + 1, statement.last + 1):
                lines[line] = MASK
    return [visible(_URL_LOGIN.sub(rf"\1{MASK}@", _COMMENTED_SECRET.sub(rf"\1{MASK}", line))) for line in lines]


def _holds_secret(value: Any) -> bool:
    """Does an inline table or an array have a secret key somewhere inside?"""
    if isinstance(value, Mapping):
        return any(_SECRET.search(key) or _holds_secret(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_holds_secret(inner) for inner in value)

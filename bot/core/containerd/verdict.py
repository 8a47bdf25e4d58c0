"""The three answers of a merge, and the one way to refuse from deep inside it.

A reason is one line that a person can act on: what was seen, where, what to do. Text taken from a file goes
through `shown` or `visible` first, because it may hold anything.
"""

import json
from dataclasses import dataclass, field

from bot.core.wording import escaped

_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The file with our tables added. `after` differs from `before` by `added` only."""

    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    schema: int
    added: tuple[str, ...]
    """Dotted paths of the keys that are new, for logs and cards."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Both runtimes are there already."""

    schema: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing may be written; `line` and `column` count from 1 where the file has a place to look at."""

    reason: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.reason
        place = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{place}: {self.reason}"


class CannotMergeError(Exception):
    """Carries a `Refused` out of the rules; `merge` turns it back into a value, so it never leaves the package."""

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.refused = Refused(reason=reason, line=line, column=column)


def visible(text: str) -> str:
    """Text of a file as it is, but control, format and separator characters as codes (design.md invariant 13)."""
    return escaped(text, keep="\t")


def shown(value: object) -> str:
    """A value of a file, fit for one line of a message: quoted, escaped to ASCII, cut."""
    plain = list(value) if isinstance(value, tuple) else value
    text = json.dumps(plain, default=str)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"

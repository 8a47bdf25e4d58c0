"""Where missing keys go in a file, as insertions of whole lines.

A line that is in the file is never rewritten, with one exception: when the table that lacks a key is written as an
inline table, there is no other place than inside it, and that one statement is edited by tomlkit.

A new runtime goes beside the runtimes of the file, ours beside each other. Whose a comment is, people can only
guess: so a place is taken where none stands above or below, at worst at the end. Where there is no such place, the
comments directly above a header are that header's and all others belong to the table above.
"""

from bisect import bisect_left
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from bot.core.containerd.document import Document
from bot.core.containerd.rules import Addition
from bot.core.containerd.runtimes import OPTIONS, Pair
from bot.core.containerd.scan import Kind, Path, Statement, is_within
from bot.core.containerd.style import Neighbourhood, comments_above, is_comment
from bot.core.containerd.verdict import CannotMergeError

_TAB_COLUMNS = 8


class Spacing(Enum):
    """What an insertion is, which decides on blank lines around it."""

    KEYS = auto()
    """Keys of a table that is there."""
    PARENT = auto()
    """A header with its keys, right above its own children."""
    RUNTIME = auto()
    OPTIONS = auto()


@dataclass(frozen=True, slots=True)
class Insertion:
    """Rows (without line ends) that go in front of line `line`, counted from 0; the file's end is `len(lines)`."""

    line: int
    rows: tuple[str, ...]
    spacing: Spacing = Spacing.KEYS


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Keys that go into a statement's inline table; `inside` leads from the statement's value to their table."""

    statement: Statement
    inside: Path
    pairs: tuple[Pair, ...]


Edit = Insertion | Rewrite


def place(document: Document, near: Neighbourhood, additions: Iterable[Addition]) -> tuple[Edit, ...]:
    """One edit per addition, in the order in which they must stand where several share a line."""

    def distance(placed: tuple[Addition, Edit]) -> int:
        # Keys of a table that is there come first: at the same line, a new header above would capture them.
        addition, edit = placed
        if isinstance(edit, Rewrite) or edit.spacing is Spacing.KEYS:
            return 0
        if edit.spacing is Spacing.PARENT:
            return 3
        return 1 if addition.is_options and document.get(addition.table[:-1]) is not None else 2

    placed = [(addition, _place_one(document, near, addition)) for addition in additions]
    return _spaced(document, near, [edit for _, edit in sorted(placed, key=distance)])


def apply(document: Document, edits: Sequence[Edit]) -> str:
    """The file's text (without byte order mark) after the edits.

    Raises `CannotMergeError` for an inline table that tomlkit cannot extend.
    """
    lines = list(document.lines)
    rewrites = [edit for edit in edits if isinstance(edit, Rewrite)]
    for statement in {edit.statement for edit in rewrites}:
        lines[statement.first] = _rewritten(document, statement, [e for e in rewrites if e.statement == statement])
        lines[statement.first + 1 : statement.last + 1] = [""] * (statement.last - statement.first)
    # From the bottom up, so that line numbers stay true; of one line the later edit goes in first.
    insertions = [edit for edit in edits if isinstance(edit, Insertion)]
    for _, edit in sorted(enumerate(insertions), key=lambda item: (item[1].line, item[0]), reverse=True):
        ending = _line_end(document, edit.line)
        if edit.line and lines[edit.line - 1] and not lines[edit.line - 1].endswith("\n"):
            lines[edit.line - 1] += ending
        lines[edit.line : edit.line] = [row + ending for row in edit.rows]
    return "".join(lines)


def touched_lines(edits: Iterable[Edit]) -> frozenset[int]:
    """The lines of the file that an edit rewrites; all others must survive byte for byte."""
    statements = (edit.statement for edit in edits if isinstance(edit, Rewrite))
    return frozenset(line for statement in statements for line in range(statement.first, statement.last + 1))


def _line_end(document: Document, line: int) -> str:
    """That of the line above, so that a mixed file stays as mixed as it is."""
    neighbours = (*document.lines[max(line - 1, 0) : line + 1], *document.lines[:1])
    return "\r\n" if next((row for row in neighbours if row.endswith("\n")), "").endswith("\r\n") else "\n"


def _place_one(document: Document, near: Neighbourhood, addition: Addition) -> Edit:
    table, style = addition.table, near.style
    for statement in document.statements:
        if statement.kind is Kind.PAIR and is_within(table, statement.path):
            return Rewrite(statement, table[len(statement.path) :], addition.pairs)
    header = document.header(table)
    if header is None and (model := _dotted(document, table)) is not None:
        above = table[len(model.table) :]
        rows = (style.pair_row((*above, key), value, model.indent) for key, value in addition.pairs)
        return Insertion(model.last + 1, tuple(rows))
    indent = style.option_key if addition.is_options else style.key
    if header is not None:
        indent = document.first_key_indent(header) or indent
    pairs = tuple(style.pair_row((key,), value, indent) for key, value in addition.pairs)
    if header is not None:
        body = range(document.body_last(header), header - 1, -1)
        return Insertion(_quietest(document, [document.statements[index].last + 1 for index in body]), pairs)
    above_children = [
        comments_above(document, index)
        for index, statement in enumerate(document.statements)
        if statement.kind is Kind.TABLE and is_within(statement.path, table)
    ][:1]
    line = _quietest(document, [*above_children, *_seams(document, near, addition)])
    spacing = Spacing.OPTIONS if addition.is_options else Spacing.RUNTIME
    spacing = Spacing.PARENT if line in above_children else spacing
    return Insertion(line, (style.header_row(table), *pairs), spacing)


def _dotted(document: Document, table: Path) -> Statement | None:
    """The last dotted key that builds `table` from outside; for options, also one that builds their runtime."""
    found = [
        statement
        for statement in document.statements
        if statement.kind is Kind.PAIR and len(statement.table) < len(table) and is_within(statement.path, table)
    ]
    if not found and table[-1] == OPTIONS and document.header(table[:-1]) is None:
        return _dotted(document, table[:-1])
    return found[-1] if found else None


def _seams(document: Document, near: Neighbourhood, addition: Addition) -> list[int]:
    """Behind the options' own runtime, behind a neighbour, at the end, then behind any other table."""
    parent = document.header(addition.table[:-1]) if addition.is_options else None
    anchors = near.anchors if parent is None else (parent, *near.anchors)
    others = (index for index, statement in reversed([*enumerate(document.statements)]) if statement.is_header)
    ends = (*anchors, len(document.statements) - 1, *others)
    return [_line_after(document, document.body_last(index)) for index in ends]


def _quietest(document: Document, places: Sequence[int]) -> int:
    """The first of these lines with no comment above or below, blank lines aside; the first when all have one."""
    said = {line for statement in document.statements for line in range(statement.first, statement.last + 1)}
    written = [line for line, row in enumerate(document.lines) if row.strip()]

    def is_quiet(place: int) -> bool:
        below = bisect_left(written, place)
        return all(line in said for line in written[max(below - 1, 0) : below + 1])

    return next(filter(is_quiet, places), places[0])


def _line_after(document: Document, index: int) -> int:
    """The line in front of which a table may begin, between statement `index` and the next one."""
    lines = document.lines
    start = document.statements[index].last + 1
    if index + 1 == len(document.statements):
        end = len(lines)
        while end > start and not lines[end - 1].strip():
            end -= 1
        return end
    following = document.statements[index + 1]
    line = comments_above(document, index + 1)
    if line == start:  # No blank line parts the comments: what is indented deeper than the header is not about it.
        while line < following.first and _width(lines[line]) > _width(lines[following.first]):
            line += 1
        return line
    while line > start and not lines[line - 1].strip():
        line -= 1
    return line


def _width(line: str) -> int:
    expanded = line.expandtabs(_TAB_COLUMNS)
    return len(expanded) - len(expanded.lstrip(" "))


def _spaced(document: Document, near: Neighbourhood, edits: list[Edit]) -> tuple[Edit, ...]:
    """Blank lines as the neighbours have them; also below a comment, which is not about our table."""
    spaced: list[Edit] = []
    for position, edit in enumerate(edits):
        if isinstance(edit, Rewrite) or edit.spacing in (Spacing.KEYS, Spacing.PARENT):
            spaced.append(edit)
            continue
        first = not any(isinstance(e, Insertion) and e.line == edit.line for e in edits[:position])
        final = not any(isinstance(e, Insertion) and e.line == edit.line for e in edits[position + 1 :])
        above = document.lines[edit.line - 1] if edit.line else ""
        below = document.lines[edit.line] if edit.line < len(document.lines) else ""
        is_runtime = edit.spacing is Spacing.RUNTIME
        wanted = near.style.blank_before if is_runtime else near.style.blank_before_options
        rows = edit.rows
        if (wanted or (first and is_comment(above))) and (above.strip() or not first):
            rows = ("", *rows)
        if final and near.style.blank_before and below.strip():
            rows = (*rows, "")
        spaced.append(replace(edit, rows=rows))
    return tuple(spaced)


def _rewritten(document: Document, statement: Statement, edits: list[Rewrite]) -> str:
    """The statement with keys added inside its inline table, its comment and line end kept."""
    written = "".join(document.lines[statement.first : statement.last + 1])
    body = written.rstrip("\r\n")
    try:
        # Without its indentation, which tomlkit would put in front of every new key.
        parsed = tomlkit.parse(body[len(statement.indent) :])
        for edit in edits:
            target: MutableMapping[str, Any] = parsed
            for part in (*statement.path[len(statement.table) :], *edit.inside):
                if part not in target:
                    target[part] = tomlkit.inline_table()
                target = target[part]
            for key, value in edit.pairs:
                target[key] = list(value) if isinstance(value, tuple) else value
        return statement.indent + tomlkit.dumps(parsed) + written[len(body) :]
    except (TOMLKitError, AttributeError, LookupError, TypeError, ValueError):
        raise CannotMergeError(
            "this inline table cannot be extended safely: write it as a [table] of its own and try again",
            line=statement.first + 1,
        ) from None

"""How the neighbours of a new table are written, so that ours read as if the file's author had added them.

Indentation, quotes and blank lines only: nothing here can change what a file means.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.containerd.document import Document
from bot.core.containerd.runtimes import OPTIONS, Value
from bot.core.containerd.scan import Kind, Path, is_within
from bot.core.containerd.schema import Layout
from bot.core.containerd.spelling import spell_key, spell_value

_UNIT = "  "


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Behind which statement (its index) new runtimes go, best first, and how they are written."""

    anchors: tuple[int, ...]
    style: "Style"


@dataclass(frozen=True, slots=True)
class Style:
    """Indentation of a runtime's header, its keys, its options header and their keys; quotes; blank lines."""

    header: str
    key: str
    options: str
    option_key: str
    quote: str
    blank_before: bool
    blank_before_options: bool

    def header_row(self, path: Path) -> str:
        """`[path]`; a part that needs quotes gets the file's own kind."""
        return f"{self.options if path[-1] == OPTIONS else self.header}[{spell_key(path, self.quote)}]"

    def pair_row(self, key: Path, value: Value, indent: str) -> str:
        """`key = value`, where `key` may be dotted."""
        return f"{indent}{spell_key(key, self.quote)} = {spell_value(value, self.quote)}"


def neighbourhood(document: Document, layout: Layout, ours: Iterable[str]) -> Neighbourhood:
    """Beside one of `ours` that is there already, else behind the last runtime, else between or before the others.

    Written like the first runtime when that is level with the neighbour: in most files a generator wrote it, so
    it is the tidy one.
    """
    depth, names = len(layout.runtimes), frozenset(ours)
    inside = [
        index
        for index, statement in enumerate(document.statements)
        if is_within(statement.path, layout.runtimes)
        and (statement.kind is Kind.PAIR or len(statement.path) > depth)
    ]
    headers = [index for index in inside if document.statements[index].kind is Kind.TABLE]
    kin = [index for index in headers if document.statements[index].path[depth] in names]
    if not headers:
        return Neighbourhood(tuple(inside[-1:]), _plain(document, inside[-1] if inside else None))
    last = (kin or headers)[-1]
    named = [index for index in headers if len(document.statements[index].path) == depth + 1]
    own = document.header(document.statements[last].path[: depth + 1])
    beside = (named or [last])[-1] if own is None else own
    level = document.statements[beside].indent
    model = next((index for index in named if document.statements[index].indent == level), beside)
    ends = [index for index in reversed(headers) if _ends_a_runtime(document, index, depth)]
    return Neighbourhood((last, *ends, headers[0] - 1), _style(document, model, beside))


def comments_above(document: Document, index: int) -> int:
    """The first line of the comments directly on top of statement `index`; its own line when there are none."""
    line = document.statements[index].first
    floor = document.statements[index - 1].last + 1 if index else 0
    while line > floor and is_comment(document.lines[line - 1]):
        line -= 1
    return line


def is_comment(line: str) -> bool:
    return line.lstrip(" \t").startswith("#")


def _ends_a_runtime(document: Document, header: int, depth: int) -> bool:
    """Is the table opened by `header` the last one of its runtime in this row of tables?"""
    runtime = document.statements[header].path[: depth + 1]
    following = document.statements[document.body_last(header) + 1 :][:1]
    return not following or not is_within(following[0].path, runtime)


def _style(document: Document, model: int, beside: int) -> Style:
    header = document.statements[model].indent
    key = document.first_key_indent(model)
    unit = key[len(header) :] if key is not None and key.startswith(header) else _UNIT
    key = header + unit if key is None else key
    options = document.header((*document.statements[model].path, OPTIONS))
    options_indent = key if options is None else document.statements[options].indent
    option_key = None if options is None else document.first_key_indent(options)
    blank_before_options = options is not None and _preceded_by_blank(document, options)
    return Style(
        header=header,
        key=key,
        options=options_indent,
        option_key=options_indent + unit if option_key is None else option_key,
        quote=_quote_in(document, beside),
        blank_before=blank_before_options or _preceded_by_blank(document, beside),
        blank_before_options=blank_before_options,
    )


def _plain(document: Document, beside: int | None) -> Style:
    """For a file whose runtimes have no headers of their own (dotted keys, inline tables)."""
    quote = '"' if beside is None else _quote_in(document, beside)
    return Style("", _UNIT, _UNIT, 2 * _UNIT, quote, blank_before=True, blank_before_options=False)


def _preceded_by_blank(document: Document, index: int) -> bool:
    top = comments_above(document, index)
    return top > 0 and not document.lines[top - 1].strip()


def _quote_in(document: Document, index: int) -> str:
    """The quotes of a statement's own line; of two kinds the single ones, as in containerd 2's own output."""
    return "'" if "'" in document.lines[document.statements[index].first].partition("#")[0] else '"'

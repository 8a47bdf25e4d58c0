"""Where the statements of a TOML file stand, line by line.

A parser answers what a file means and forgets how it is written; an editor that keeps every byte needs the
opposite. tomlkit keeps both, but on real files it moves comments to the wrong table, writes LF into CRLF files and
fails on scattered tables (`library-facts.md`), so it does not decide where lines go: this scan does, and `merge`
proves the result with a real parser. It judges no syntax beyond what it needs to find the next statement, reads
each character once, and bounds nesting, because the parsers behind it recurse.
"""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum, auto

MAX_DEPTH = 32
"""Nested tables, arrays or dotted keys. containerd's own files reach 9."""

Path = tuple[str, ...]

_BLANKS = re.compile(r"[ \t]*+")
_KEY_PART = re.compile(r"""[ \t]*+(?:([A-Za-z0-9_-]++)|("(?:[^"\\\n]|\\.)*+")|'([^'\n]*+)')[ \t]*+""")
_PLAIN = re.compile(r"""[^"'\[\]{}#.,=\n]*+""")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_LITERAL = re.compile(r"'[^'\n]*+'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"""(?:""?(?!"))?', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*+'''(?:''?(?!'))?")


class Kind(Enum):
    TABLE = auto()
    ARRAY = auto()
    PAIR = auto()


@dataclass(frozen=True, slots=True)
class Statement:
    """A table header or a key with its value. Lines count from 0 and `last` is included."""

    kind: Kind
    table: Path
    """The table in force; of a header its own path."""
    path: Path
    first: int
    last: int
    indent: str
    value_column: int
    """Where the value begins in the first line, right after `=`; 0 for a header."""
    is_escaped: bool
    """Has its key an escape sequence? containerd 1.x takes those literally, so it means two things."""

    @property
    def is_header(self) -> bool:
        return self.kind is not Kind.PAIR


def is_within(path: Path, outer: Path) -> bool:
    """Is `path` the table `outer` itself or something inside it?"""
    return path[: len(outer)] == outer


class ScanError(Exception):
    """The text is not TOML from this line on (counted from 0); a parser can say why."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class TooDeepError(ScanError):
    """Nested deeper than `MAX_DEPTH`."""


def scan(text: str) -> tuple[Statement, ...]:
    """All statements in order. Raises `ScanError` where no statement can begin, `TooDeepError` on deep nesting."""
    found: list[Statement] = []
    table: Path = ()
    position = line = 0
    while position < len(text):
        start = _skip_blanks(text, position)
        indent = text[position:start]
        try:
            match text[start : start + 1]:
                case "" | "\n" | "\r" | "#":
                    position = _line_end(text, start)
                case "[":
                    kind, table, end = _header(text, start)
                    is_escaped = "\\" in text[start:end]
                    position = _line_end(text, end)
                    found.append(Statement(kind, table, table, line, line, indent, 0, is_escaped))
                case _:
                    key, value_at = _key(text, start)
                    if text[value_at : value_at + 1] != "=":
                        raise ScanError(0)
                    _bound(len(table) + len(key))
                    value_end = _value_end(text, value_at + 1)
                    last = line + text.count("\n", start, value_end)
                    column = value_at + 1 - position
                    is_escaped = "\\" in text[start:value_at]
                    path = table + key
                    found.append(Statement(Kind.PAIR, table, path, line, last, indent, column, is_escaped))
                    line, position = last, value_end
        except ScanError as error:
            raise type(error)(line) from None
        position += 1
        line += 1
    return tuple(found)


def _bound(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeepError(0)


def _skip_blanks(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _header(text: str, start: int) -> tuple[Kind, Path, int]:
    kind = Kind.ARRAY if text.startswith("[[", start) else Kind.TABLE
    path, end = _key(text, start + (2 if kind is Kind.ARRAY else 1))
    if not text.startswith("]]" if kind is Kind.ARRAY else "]", end):
        raise ScanError(0)
    return kind, path, end


def _key(text: str, position: int) -> tuple[Path, int]:
    """The parts of a (dotted) key and the offset behind it."""
    parts: list[str] = []
    while found := _KEY_PART.match(text, position):
        bare, basic, literal = found.groups()
        parts.append(_unescaped(basic) if basic else bare or literal or "")
        _bound(len(parts))
        position = found.end()
        if not text.startswith(".", position):
            return tuple(parts), position
        position += 1
    raise ScanError(0)


def _unescaped(quoted: str) -> str:
    try:
        return str(tomllib.loads(f"key = {quoted}")["key"])
    except tomllib.TOMLDecodeError:
        raise ScanError(0) from None


def _value_end(text: str, position: int) -> int:
    """The offset of the newline (or the end) behind the value; those inside brackets and strings do not count."""
    depth = dots = 0
    while position < len(text):
        found = _PLAIN.match(text, position)
        position = found.end() if found else position
        match text[position : position + 1]:
            case "":
                break
            case '"' | "'":
                position = _string_end(text, position)
                continue
            case "#":
                position = _line_end(text, position)
                continue
            case "\n" if depth <= 0:
                return position
            case "[" | "{":
                depth, dots = depth + 1, 0
            case "]" | "}":
                depth, dots = depth - 1, 0
            case ".":
                dots += 1
            case _:
                dots = 0
        _bound(max(depth, dots))
        position += 1
    return len(text)


def _string_end(text: str, position: int) -> int:
    if text.startswith('"""', position):
        pattern = _LONG_BASIC
    elif text.startswith("'''", position):
        pattern = _LONG_LITERAL
    else:
        pattern = _BASIC if text[position] == '"' else _LITERAL
    found = pattern.match(text, position)
    if found is None:
        raise ScanError(0)
    return found.end()

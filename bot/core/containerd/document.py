"""A configuration file as data, as lines and as statements, read once from hostile bytes.

Everything that cannot be read ends here with one line that says where: size, encoding, control characters, depth,
syntax. containerd accepts a byte order mark and Python's parser does not, so it is set aside and kept.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.containerd.scan import MAX_DEPTH, Kind, Path, ScanError, Statement, TooDeepError, is_within, scan
from bot.core.containerd.verdict import CannotMergeError

MAX_BYTES = 1 << 20
"""Real files end at about 10 kB; a bound keeps a mistaken path (a log, a device) from being parsed."""

_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TEMPLATE = re.compile(r"\{\{|\{%")
_MESSAGE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file. `lines` keep their ends and, joined, are the file without its byte order mark."""

    bom: bytes
    lines: tuple[str, ...]
    tree: Mapping[str, Any]
    statements: tuple[Statement, ...]

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def get(self, path: Path) -> Any:
        """The value at `path`, or None (TOML has no null). A part that is not a table has nothing inside."""
        value: Any = self.tree
        for part in path:
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value

    def line_of(self, path: Path) -> int | None:
        """The line, from 1, of the first statement about `path` or something inside it."""
        for statement in self.statements:
            if is_within(statement.path, path):
                return statement.first + 1
        return None

    def header(self, path: Path) -> int | None:
        """Which statement is `[path]`."""
        for index, statement in enumerate(self.statements):
            if statement.kind is Kind.TABLE and statement.path == path:
                return index
        return None

    def first_key_indent(self, header: int) -> str | None:
        """How the first key of a table is indented; None when it has none."""
        following = self.statements[header + 1 : header + 2]
        return following[0].indent if following and not following[0].is_header else None

    def body_last(self, header: int) -> int:
        """The last statement of the table opened by statement `header`; itself when it has no keys."""
        last = header
        while last + 1 < len(self.statements) and not self.statements[last + 1].is_header:
            last += 1
        return last


def read(content: bytes) -> Document:
    """Parses the bytes of a configuration file. Raises `CannotMergeError` with the place."""
    if len(content) > MAX_BYTES:
        raise CannotMergeError(f"more than {MAX_BYTES} bytes: not a containerd configuration, check the path")
    bom = _BOM if content.startswith(_BOM) else b""
    text = _decode(content[len(bom) :])
    statements = _scan(text)
    tree = _parse(text)
    if isinstance(statements, ScanError):
        raise CannotMergeError(
            "it cannot be read safely from here on: add the tables by hand", line=statements.line + 1
        )
    return Document(bom, split_lines(text), tree, statements)


def split_lines(text: str) -> tuple[str, ...]:
    """Lines with their ends. Only a newline ends a line in TOML (`str.splitlines` knows nine more)."""
    return tuple(re.findall(r"[^\n]*\n|[^\n]+\Z", text))


def _decode(content: bytes) -> str:
    if content.startswith(_UTF16_BOMS):
        raise CannotMergeError("UTF-16, but containerd reads UTF-8: save it as UTF-8", line=1)
    if (nul := content.find(b"\0")) >= 0:
        line, column = _place(content, nul)
        raise CannotMergeError("a NUL byte: the file is binary or damaged, restore it", line=line, column=column)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line, column = _place(content, error.start)
        raise CannotMergeError(
            f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8", line=line, column=column
        ) from None


def _place(content: bytes, offset: int) -> tuple[int, int]:
    before = content[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def _scan(text: str) -> tuple[Statement, ...] | ScanError:
    """The statements, or where they end: then the parser's own words are better than ours."""
    try:
        return scan(text)
    except TooDeepError as error:
        raise CannotMergeError(
            f"nested more than {MAX_DEPTH} levels deep: not a containerd configuration", line=error.line + 1
        ) from None
    except ScanError as error:
        return error


def _parse(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        message = str(error)
        found = _PLACE.search(message)
        words = _PLACE.sub("", message)[:_MESSAGE_CHARS].encode("ascii", "backslashreplace").decode()
        line, column = (
            (int(found[1]), int(found[2])) if found and found[1] else (text.count("\n", 0, -1) + 1, None)
        )
        hint = (
            "it looks like a template, merge into the file that is rendered from it"
            if _TEMPLATE.search(text)
            else "repair the file by hand; containerd would not start with it"
        )
        raise CannotMergeError(f"not valid TOML: {words}; {hint}", line=line, column=column) from None

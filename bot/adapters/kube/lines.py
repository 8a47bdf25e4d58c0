"""What the lines of a watch say: `{"type": "ADDED", "object": {…}}`, one JSON text per line.

The type is the tag of a union, so msgspec decodes a line in one pass and skips every field that the structs do
not have (`managedFields` is often half of a line).
"""

from typing import Any, Final, Generic, TypeVar, Union

import msgspec
from msgspec import Struct

from bot.adapters.kube.status import Status
from bot.core.errors import PermanentError
from bot.core.objects import Watched

W = TypeVar("W", bound=Watched)

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""etcd keeps no object above 1.5 MiB by default; a longer line means that we are not reading a watch."""


class Versioned(Struct, frozen=True, rename="camel"):
    resource_version: str


class Marker(Struct, frozen=True):
    """The object of a bookmark: only its version means anything."""

    metadata: Versioned


class Added(Struct, Generic[W], frozen=True, tag_field="type", tag="ADDED"):
    object: W


class Modified(Struct, Generic[W], frozen=True, tag_field="type", tag="MODIFIED"):
    object: W


class Deleted(Struct, Generic[W], frozen=True, tag_field="type", tag="DELETED"):
    object: W


class Bookmark(Struct, frozen=True, tag_field="type", tag="BOOKMARK"):
    object: Marker


class Refused(Struct, frozen=True, tag_field="type", tag="ERROR"):
    """The last line of a watch that the server ends."""

    object: Status


Line = Added[W] | Modified[W] | Deleted[W] | Bookmark | Refused


def line_decoder(kind: type[W]) -> msgspec.json.Decoder[Line[W]]:
    """Decoder of a line about objects of `kind`; raises msgspec.DecodeError."""
    union: Any = Union[Added[kind], Modified[kind], Deleted[kind], Bookmark, Refused]  # type: ignore[valid-type] # noqa: UP007
    return msgspec.json.Decoder(union)


class LineSplitter:
    """Whole lines out of a stream of chunks. A long line is joined once, when its end has come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends. Raises PermanentError above MAX_LINE_BYTES."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._parts:
            lines[0] = b"".join((*self._parts, lines[0]))
        if lines:
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._size > MAX_LINE_BYTES:
            raise PermanentError(f"a watch line is longer than {MAX_LINE_BYTES // 2**20} MiB")
        return lines

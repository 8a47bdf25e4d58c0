"""Reads Kubernetes objects from files: watch lines, objects one after the other, Lists, in any mixture.

JSON only, as the API server and `kubectl -o json` write it. Pretty-printed documents are fine: values are read one
after the other, not line by line. Objects of other kinds, bookmarks and the Status of an ended watch are passed
over. Every fault names file and line.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bot.core.errors import InputError
from bot.core.objects import Event, Job, Node, Pod, RuntimeClass, Watched
from bot.core.replay import Batch, Said, Source
from bot.core.world import Kind

STDIN: Final = "-"

_KINDS: Final[Mapping[str, type[Watched]]] = {
    "Event": Event,
    "Pod": Pod,
    "Job": Job,
    "Node": Node,
    "RuntimeClass": RuntimeClass,
}
_LISTED: Final[Mapping[str, Kind]] = {
    "PodList": Pod,
    "JobList": Job,
    "NodeList": Node,
    "RuntimeClassList": RuntimeClass,
}
_WATCH_TYPES: Final = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"})
_SILENT: Final = frozenset({"BOOKMARK", "ERROR"})
_SPACE: Final = re.compile(r"\s*")

_EVENTS_V1: Final = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
"""events.k8s.io/v1 has other names for the fields of the same stored object (k8s.io/api events/v1)."""


def read_source(name: str) -> Source:
    """The file's records; `-` is standard input. Raises InputError that names file and line."""
    shown = "<stdin>" if name == STDIN else name
    try:
        raw = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror or error}") from error
    return parse_source(raw, shown)


def parse_source(raw: bytes, name: str) -> Source:
    """As `read_source`, of bytes; `name` is for messages only."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: not UTF-8 text; JSON is expected") from error
    said: list[Said] = []
    listed: set[Kind] = set()
    for line, value in _values(text, name):
        place = _Place(f"{name}:{line}")
        document = place.mapping(value, "a Kubernetes object, a watch line or a List")
        if "items" in document:
            said += _of_list(document, place)
            listed.update(kind for name, kind in _LISTED.items() if name == document.get("kind"))
        else:
            said += _of_document(document, place)
    return Source(tuple(said), frozenset(listed))


def _values(text: str, name: str) -> Iterator[tuple[int, object]]:
    """Each JSON value with the line that it starts on."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    position, line = 0, 1
    while True:
        start = _space_ends(text, position)
        line += text.count("\n", position, start)
        if start == len(text):
            return
        try:
            value, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            ends = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
            hint = "; the file seems to be cut off" if ends else ""
            raise InputError(f"{name}:{error.lineno}: not JSON: {error.msg}{hint}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}:{line}: not JSON as an API server writes it: {error}") from error
        yield line, value
        line += text.count("\n", start, position)


def _space_ends(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _of_list(document: Mapping[str, Any], place: "_Place") -> tuple[Said, ...]:
    kind = str(document.get("kind") or "").removesuffix("List")
    items = document["items"] if document["items"] is not None else []
    if not isinstance(items, list):
        raise place.fault(f"items of a {kind}List must be a list, this is {_type(items)}")
    things = []
    for index, item in enumerate(items):
        at = _Place(f"{place.name}: items.{index}")
        if (thing := at.decode(at.mapping(item, "an object"), kind)) is not None:
            things.append(thing)
    batch = Batch(tuple(things))
    return tuple(Said(thing, version=_version(thing), batch=batch) for thing in things)


def _of_document(document: Mapping[str, Any], place: "_Place") -> tuple[Said, ...]:
    deleted, inner = False, document
    if "kind" not in document and ("object" in document or document.get("type") in _WATCH_TYPES):
        kind = document.get("type")
        if kind not in _WATCH_TYPES:
            raise place.fault(f"a watch line's type is one of {', '.join(sorted(_WATCH_TYPES))}, this is {kind!r}")
        if kind in _SILENT:
            return ()
        deleted, inner = kind == "DELETED", place.mapping(document.get("object"), "the watch line's object")
    thing = place.decode(inner, "")
    return () if thing is None else (Said(thing, deleted, _version(thing)),)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the input we are, for messages."""

    name: str

    def fault(self, message: str) -> InputError:
        return InputError(f"{self.name}: {message}")

    def mapping(self, value: object, what: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fault(f"{what} is expected, this is {_type(value)}")
        return value

    def decode(self, document: Mapping[str, Any], default_kind: str) -> Watched | None:
        """The object, if it is of a kind that is looked at."""
        kind = document.get("kind") or default_kind
        if not isinstance(kind, str) or not kind:
            raise self.fault("no Kubernetes object: it has no kind")
        target = _KINDS.get(kind)
        if target is None:
            return None
        fields = _without_nulls(document)
        fields.setdefault("metadata", {})
        if target is Event and str(document.get("apiVersion", "")).startswith("events.k8s.io/"):
            fields = {_EVENTS_V1.get(key, key): value for key, value in fields.items()}
        try:
            return msgspec.convert(fields, target)
        except msgspec.ValidationError as error:
            raise self.fault(f"no {kind} as Kubernetes writes it: {error}") from error


def _without_nulls(document: Mapping[str, Any]) -> dict[str, Any]:
    """Kubernetes means the same by null and by nothing; recursion is bounded by the JSON decoder's."""
    return {key: _cleaned(value) for key, value in document.items() if value is not None}


def _cleaned(value: object) -> object:
    if isinstance(value, dict):
        return _without_nulls(value)
    return [_cleaned(item) for item in value if item is not None] if isinstance(value, list) else value


def _version(thing: Watched) -> int | None:
    text = thing.metadata.resource_version
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None


def _type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")

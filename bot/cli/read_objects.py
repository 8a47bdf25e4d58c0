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
from bot.core.wording import visible
from bot.core.world import Kind

STDIN: Final = "-"

_KINDS: Final[Mapping[tuple[str, str], type[Watched]]] = {
    ("", "Event"): Event,
    ("events.k8s.io", "Event"): Event,
    ("", "Pod"): Pod,
    ("", "Node"): Node,
    ("batch", "Job"): Job,
    ("node.k8s.io", "RuntimeClass"): RuntimeClass,
}
"""By API group, because others have kinds of the same name (Longhorn has Nodes, Volcano has Jobs)."""

_NAMELESS: Final[Mapping[str, type[Watched]]] = {kind: target for (_, kind), target in _KINDS.items()}
"""For objects that do not say their group."""

_KEPT: Final[tuple[Kind, ...]] = (Pod, Job, Node, RuntimeClass)

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
    if name == STDIN and not raw.strip():
        raise InputError(
            "standard input is empty; pipe in objects as JSON, for example "
            "`kubectl get events -n ims -o json | imsbot explain - --cluster`"
        )
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
        if "items" in document or str(document.get("kind", "")).endswith("List"):
            said += _of_list(document, place)
            listed.update(_listed(document))
        else:
            said += _of_document(document, place)
    return Source(tuple(said), frozenset(listed))


def _values(text: str, name: str) -> Iterator[tuple[int, object]]:
    """Each JSON value with the line that it starts on."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_without_nulls)
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
            hint = "the file seems to be cut off" if ends else "give what kubectl -o json or a watch writes"
            raise InputError(f"{name}:{error.lineno}: not JSON: {error.msg}; {hint}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}:{line}: not JSON as an API server writes it: {error}") from error
        yield line, value
        line += text.count("\n", start, position)


def _space_ends(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _without_nulls(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Kubernetes means the same by null and by nothing."""
    return {key: value for key, value in pairs if value is not None}


def _of_list(document: Mapping[str, Any], place: "_Place") -> tuple[Said, ...]:
    items, kind = document.get("items", []), _Type.of(document)
    if not isinstance(items, list):
        raise place.fault(f"items of a {kind.name} must be a list, this is {_type(items)}")
    things = []
    for index, item in enumerate(items):
        at = _Place(f"{place.name}: items.{index}")
        if (thing := at.decode(at.mapping(item, "an object"), kind.of_items)) is not None:
            things.append(thing)
    batch = Batch(tuple(things))
    return tuple(Said(thing, batch=batch) for thing in things)


def _listed(document: Mapping[str, Any]) -> Iterator[Kind]:
    """The kind of which this is a whole list, if it is kept."""
    target = _Type.of(document).of_items.target
    return (kind for kind in _KEPT if kind is target)


def _of_document(document: Mapping[str, Any], place: "_Place") -> tuple[Said, ...]:
    deleted, inner = False, document
    said = str(document.get("type", ""))
    if "kind" not in document and ("object" in document or said in _WATCH_TYPES):
        if said not in _WATCH_TYPES:
            known = ", ".join(sorted(_WATCH_TYPES))
            raise place.fault(f"a watch line's type is one of {known}, this is {visible(said, 40)!r}")
        if said in _SILENT:
            return ()
        deleted, inner = said == "DELETED", place.mapping(document.get("object"), "the watch line's object")
    thing = place.decode(inner, _NOTHING)
    return () if thing is None else (Said(thing, deleted),)


@dataclass(frozen=True, slots=True)
class _Type:
    """What a document says that it is."""

    group: str
    """Empty for the core group, and where it is not said."""
    name: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "_Type":
        name = document.get("kind")
        return cls(str(document.get("apiVersion", "")).rpartition("/")[0], name if isinstance(name, str) else "")

    @property
    def of_items(self) -> "_Type":
        """The items of an API server's own lists leave it to the list to say what they are."""
        return _Type(self.group, self.name.removesuffix("List"))

    @property
    def target(self) -> type[Watched] | None:
        return _KINDS.get((self.group, self.name)) if self.group else _NAMELESS.get(self.name)


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

    def decode(self, document: Mapping[str, Any], default: _Type) -> Watched | None:
        """The object, if it is of a kind that is looked at."""
        own = _Type.of(document)
        kind = own if own.name else _Type(own.group or default.group, default.name)
        if not kind.name:
            raise self.fault("no Kubernetes object: it has no kind")
        if (target := kind.target) is None:
            return None
        fields = {"metadata": {}, **document}
        if "regarding" in document and target is Event:
            fields = {_EVENTS_V1.get(key, key): value for key, value in fields.items()}
        try:
            return msgspec.convert(fields, target)
        except msgspec.ValidationError as error:
            raise self.fault(f"no {kind.name} as Kubernetes writes it: {error}") from error


_NOTHING: Final = _Type("", "")


def _type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")

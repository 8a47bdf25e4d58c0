"""What is known of the live objects, where *not there* and *not known* are two answers.

The join asks a `World`; the watch's cache, an API reader and the files of `imsbot explain` are worlds. `Objects`
is the one that keeps them in memory. Nothing here decides anything.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeVar, cast

from bot.core.objects import Job, Node, Pod, RuntimeClass, Watched


class Missing(Enum):
    """Why an object cannot be shown."""

    ABSENT = "absent"
    """Its kind was listed, or it was deleted: it is not there."""
    UNKNOWN = "unknown"
    """Nobody has said anything about it."""


class World(Protocol):
    """Live objects by name; a namespace is empty for those that have none."""

    def pod(self, namespace: str, name: str) -> Pod | Missing: ...

    def job(self, namespace: str, name: str) -> Job | Missing: ...

    def node(self, name: str) -> Node | Missing: ...

    def runtime_class(self, name: str) -> RuntimeClass | Missing: ...

    def nodes(self) -> Sequence[Node] | Missing:
        """Every known Node; UNKNOWN when none is known and nobody has listed them."""

    def pods(self) -> Sequence[Pod]:
        """Every known Pod."""


Kept = Pod | Job | Node | RuntimeClass
Kind = type[Pod] | type[Job] | type[Node] | type[RuntimeClass]
_K = TypeVar("_K", bound=Kept)
_Key = tuple[type, str, str]


class Objects:
    """A world in memory. With `below`, objects and whole kinds that it does not know are asked there."""

    def __init__(self, below: "Objects | None" = None) -> None:
        self._objects: dict[_Key, Kept] = {}
        self._deleted: set[_Key] = set()
        self._listed: set[type] = set()
        self._below = below

    def over(self, below: "Objects") -> "Objects":
        """The same objects, kept in one place, with another world below."""
        view = Objects(below)
        view._objects, view._deleted, view._listed = self._objects, self._deleted, self._listed
        return view

    def put(self, thing: Watched) -> None:
        """Keep the object's newest state; Events are not objects of the world and are passed over."""
        if isinstance(thing, Kept):
            key = _key(thing)
            self._objects[key] = thing
            self._deleted.discard(key)

    def remove(self, thing: Watched) -> None:
        if isinstance(thing, Kept):
            key = _key(thing)
            self._objects.pop(key, None)
            self._deleted.add(key)

    def mark_listed(self, kinds: Iterable[Kind]) -> None:
        """From now on, objects of these kinds that were not put are absent."""
        self._listed.update(kinds)

    def pod(self, namespace: str, name: str) -> Pod | Missing:
        return self._get(Pod, namespace, name)

    def job(self, namespace: str, name: str) -> Job | Missing:
        return self._get(Job, namespace, name)

    def node(self, name: str) -> Node | Missing:
        return self._get(Node, "", name)

    def runtime_class(self, name: str) -> RuntimeClass | Missing:
        return self._get(RuntimeClass, "", name)

    def nodes(self) -> Sequence[Node] | Missing:
        known = self._all(Node)
        return known if known or self._is_listed(Node) else Missing.UNKNOWN

    def pods(self) -> Sequence[Pod]:
        return self._all(Pod)

    def _get(self, kind: type[_K], namespace: str, name: str) -> _K | Missing:
        key: _Key = (kind, namespace, name)
        if (found := self._objects.get(key)) is not None:
            return cast("_K", found)
        if key in self._deleted or kind in self._listed:
            return Missing.ABSENT
        return self._below._get(kind, namespace, name) if self._below else Missing.UNKNOWN

    def _all(self, kind: type[_K]) -> tuple[_K, ...]:
        mine: tuple[_K, ...] = tuple(cast("_K", o) for key, o in self._objects.items() if key[0] is kind)
        if self._below is None or kind in self._listed:
            return mine
        known = self._deleted | self._objects.keys()
        return (*(o for o in self._below._all(kind) if _key(o) not in known), *mine)

    def _is_listed(self, kind: type) -> bool:
        return kind in self._listed or (self._below is not None and self._below._is_listed(kind))


def _key(thing: Kept) -> _Key:
    namespaced = isinstance(thing, Pod | Job)
    return type(thing), thing.metadata.namespace if namespaced else "", thing.metadata.name

"""What is known of the live objects, where *not there* and *not known* are two answers.

The join asks a `World`; the watch's cache, an API reader and the files of `imsbot explain` are worlds. `Objects`
is the one that keeps them in memory. Nothing here decides anything.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeVar, cast

from bot.core.claims import installs_kata
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

    def installers(self) -> Sequence[Pod]:
        """Those of the known Pods that install Kata for somebody else (`claims.installs_kata`)."""


Kept = Pod | Job | Node | RuntimeClass
Kind = type[Pod] | type[Job] | type[Node] | type[RuntimeClass]
_K = TypeVar("_K", bound=Kept)
_Name = tuple[str, str]
"""Namespace, empty for kinds that have none, and name."""


class Objects:
    """A world in memory. With `below`, objects and whole kinds that it does not know are asked there."""

    def __init__(self, below: "Objects | None" = None) -> None:
        self._objects: dict[type, dict[_Name, Kept]] = {Pod: {}, Job: {}, Node: {}, RuntimeClass: {}}
        self._installers: dict[_Name, Pod] = {}
        self._deleted: set[tuple[type, _Name]] = set()
        self._listed: set[type] = set()
        self._below = below

    def over(self, below: "Objects") -> "Objects":
        """The same objects, kept in one place, with another world below."""
        view = Objects(below)
        view._objects, view._installers = self._objects, self._installers
        view._deleted, view._listed = self._deleted, self._listed
        return view

    def put(self, thing: Watched) -> None:
        """Keep the object's newest state; Events are not objects of the world and are passed over."""
        if isinstance(thing, Kept):
            self.forget(thing)
            self._objects[type(thing)][_name(thing)] = thing
            if isinstance(thing, Pod) and installs_kata(thing):
                self._installers[_name(thing)] = thing

    def remove(self, thing: Watched) -> None:
        """The object was deleted."""
        if isinstance(thing, Kept):
            self.forget(thing)
            self._deleted.add((type(thing), _name(thing)))

    def forget(self, thing: Kept) -> None:
        """As if nobody had ever spoken of the object."""
        kind, name = type(thing), _name(thing)
        self._objects[kind].pop(name, None)
        self._deleted.discard((kind, name))
        if kind is Pod:
            self._installers.pop(name, None)

    def mark_listed(self, kinds: Iterable[Kind]) -> None:
        """From now on, objects of these kinds that were not put are absent."""
        self._listed.update(kinds)

    def pod(self, namespace: str, name: str) -> Pod | Missing:
        return self.find(Pod, namespace, name)

    def job(self, namespace: str, name: str) -> Job | Missing:
        return self.find(Job, namespace, name)

    def node(self, name: str) -> Node | Missing:
        return self.find(Node, "", name)

    def runtime_class(self, name: str) -> RuntimeClass | Missing:
        return self.find(RuntimeClass, "", name)

    def nodes(self) -> Sequence[Node] | Missing:
        known = self._all(Node)
        return known if known or self._is_listed(Node) else Missing.UNKNOWN

    def pods(self) -> Sequence[Pod]:
        return self._all(Pod)

    def installers(self) -> Sequence[Pod]:
        mine = tuple(self._installers.values())
        if self._below is None or Pod in self._listed:
            return mine
        return (*(pod for pod in self._below.installers() if not self._speaks_of(pod)), *mine)

    def find(self, kind: type[_K], namespace: str, name: str) -> _K | Missing:
        key = namespace, name
        if (found := self._objects[kind].get(key)) is not None:
            return cast("_K", found)
        if (kind, key) in self._deleted or kind in self._listed:
            return Missing.ABSENT
        return self._below.find(kind, namespace, name) if self._below else Missing.UNKNOWN

    def _all(self, kind: type[_K]) -> tuple[_K, ...]:
        mine = tuple(cast("_K", thing) for thing in self._objects[kind].values())
        if self._below is None or kind in self._listed:
            return mine
        return (*(thing for thing in self._below._all(kind) if not self._speaks_of(thing)), *mine)

    def _speaks_of(self, thing: Kept) -> bool:
        kind, name = type(thing), _name(thing)
        return name in self._objects[kind] or (kind, name) in self._deleted

    def _is_listed(self, kind: type) -> bool:
        return kind in self._listed or (self._below is not None and self._below._is_listed(kind))


def _name(thing: Kept) -> _Name:
    return thing.metadata.namespace if isinstance(thing, Pod | Job) else "", thing.metadata.name

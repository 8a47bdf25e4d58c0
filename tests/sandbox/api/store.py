"""The server's memory: objects under one global revision, and the history that watches replay.

It plays etcd and the watch cache together. Objects in it are never changed in place, so a watcher may hold
one for as long as it likes. It knows nothing of validation, defaults or HTTP; `registry` does.

The history of each type is bounded and can be compacted: reading from before its floor raises `Compacted`,
the cause of every 410.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

from .resources import ALL, KubeObject, Resource

Key = tuple[str, str]  # namespace (empty for cluster-scoped types), name


class ChangeType(Enum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `obj` is the state after it (for a deletion: the last state, at the deletion's revision)."""

    revision: int
    type: ChangeType
    obj: KubeObject
    previous: KubeObject | None


class Compacted(Exception):
    """The wanted revision lies before what is still kept."""

    def __init__(self, wanted: int, floor: int) -> None:
        super().__init__(f"revision {wanted} is older than {floor}")
        self.wanted = wanted
        self.floor = floor


@dataclass(slots=True)
class _Table:
    objects: dict[Key, KubeObject] = field(default_factory=dict)
    log: deque[Change] = field(default_factory=deque)
    floor: int = 0
    latest: int = 0


def key_of(obj: KubeObject) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def revision_of(obj: KubeObject) -> str:
    version: str = obj["metadata"]["resourceVersion"]
    return version


class Store:
    """Objects by type, namespace and name. `history_limit` bounds the changes kept per type."""

    def __init__(self, history_limit: int = 10_000, first_revision: int = 1) -> None:
        self.revision = first_revision
        self._history_limit = history_limit
        self._tables: dict[Resource, _Table] = {resource: _Table(latest=first_revision) for resource in ALL}
        self._waiting: set[asyncio.Event] = set()

    def find(self, resource: Resource, key: Key) -> KubeObject | None:
        return self._tables[resource].objects.get(key)

    def items(self, resource: Resource, namespace: str = "") -> list[KubeObject]:
        """Live objects in the order of their keys; all namespaces when none is named."""
        return _sorted(self._tables[resource].objects, namespace)

    def items_at(self, resource: Resource, revision: int, namespace: str = "") -> list[KubeObject]:
        """The objects as they were at `revision`. Raises `Compacted`."""
        table = self._tables[resource]
        objects = dict(table.objects)
        for change in reversed(self.changes_since(resource, revision)):
            if change.previous is None:
                objects.pop(key_of(change.obj))
            else:
                objects[key_of(change.obj)] = change.previous
        return _sorted(objects, namespace)

    def changes_since(self, resource: Resource, revision: int) -> list[Change]:
        """Changes after `revision`, oldest first. Raises `Compacted`."""
        table = self._tables[resource]
        if revision < table.floor:
            raise Compacted(revision, table.floor)
        newer = 0
        for change in reversed(table.log):
            if change.revision <= revision:
                break
            newer += 1
        return list(islice(table.log, len(table.log) - newer, None))

    def latest(self, resource: Resource) -> int:
        """The revision of the type's last write: what a bookmark of a quiet type carries."""
        return self._tables[resource].latest

    def put(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """Write `obj` (which the caller gives away) under the next revision, and return what is stored."""
        table = self._tables[resource]
        previous = table.objects.get(key_of(obj))
        stored = self._stamped(obj)
        table.objects[key_of(stored)] = stored
        kind = ChangeType.ADDED if previous is None else ChangeType.MODIFIED
        self._record(table, Change(self.revision, kind, stored, previous))
        return stored

    def remove(self, resource: Resource, key: Key) -> KubeObject:
        """Delete and return the last state, stamped with the revision of the deletion."""
        table = self._tables[resource]
        previous = table.objects.pop(key)
        gone = self._stamped(previous)
        self._record(table, Change(self.revision, ChangeType.DELETED, gone, previous))
        return gone

    def compact(self) -> None:
        """Forget the history of every type: each older resourceVersion is now too old."""
        for table in self._tables.values():
            table.log.clear()
            table.floor = self.revision
        self.wake()

    async def wait_newer(self, revision: int, timeout_s: float | None = None) -> bool:
        """Sleep until something was written after `revision`; False when the time was over first."""
        if self.revision > revision:
            return True
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(timeout_s):
                await woken.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(woken)
        return True

    def wake(self) -> None:
        """Let every watcher look again, though nothing was written."""
        for event in self._waiting:
            event.set()

    def _stamped(self, obj: KubeObject) -> KubeObject:
        self.revision += 1
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}

    def _record(self, table: _Table, change: Change) -> None:
        table.log.append(change)
        table.latest = change.revision
        while len(table.log) > self._history_limit:
            table.floor = table.log.popleft().revision
        self.wake()


def _sorted(objects: dict[Key, KubeObject], namespace: str) -> list[KubeObject]:
    return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

"""WATCH: a chunked stream of JSON lines that behaves as the real watch cache does.

An object that leaves a selector is a DELETED with its last matching state, one that enters is an ADDED;
bookmarks carry the revision of the *type* (a quiet type's bookmarks do not move); a resourceVersion older than
the history ends the stream with an ERROR event that holds a 410 Status (or, if so configured, refuses it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from .faults import Faults
from .lists import parse_revision, parse_selectors
from .resources import KubeObject, Resource
from .selectors import Predicate
from .status import ApiError, bad_request, expired_watch
from .store import Change, ChangeType, Compacted, Store

# Real servers draw between 30 and 60 minutes; clients are expected to set their own.
DEFAULT_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """A parsed watch. `since` None asks for the live objects first."""

    resource: Resource
    namespace: str
    selected: Predicate
    since: int | None
    bookmarks: bool
    timeout_s: float


def parse_watch(query: Mapping[str, str], resource: Resource, namespace: str) -> WatchRequest:
    """Raises 400, or 422 for `sendInitialEvents` (as a server without the WatchList feature does)."""
    if "sendInitialEvents" in query or query.get("resourceVersionMatch"):
        why = (
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList "
            "feature gate is enabled"
        )
        raise ApiError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {why}', {"kind": "ListOptions"})
    since = parse_revision(query.get("resourceVersion", ""))
    timeout = query.get("timeoutSeconds", "")
    if timeout and not timeout.isdecimal():
        raise bad_request(f'timeoutSeconds: Invalid value: "{timeout}"')
    return WatchRequest(
        resource,
        namespace,
        parse_selectors(query, resource),
        since or None,
        query.get("allowWatchBookmarks", "") in ("1", "true", "True"),
        float(timeout) if timeout and timeout != "0" else DEFAULT_TIMEOUT_S,
    )


class WatchStream:
    """One open watch: call `run` once. `bookmark_interval_s` is a minute on real servers."""

    def __init__(
        self, store: Store, faults: Faults, watch: WatchRequest, bookmark_interval_s: float, closing: asyncio.Event
    ) -> None:
        self._store = store
        self._faults = faults
        self._watch = watch
        self._bookmark_interval_s = bookmark_interval_s
        self._closing = closing
        self._expiry = faults.expiry
        self._cursor = store.revision if watch.since is None else watch.since

    def refuse_if_gone(self) -> None:
        """Raise the 410 that some servers and proxies give as HTTP status; others only in the stream."""
        if not self._faults.gone_as_http:
            return
        try:
            self._store.changes_since(self._watch.resource, self._cursor)
        except Compacted as error:
            raise expired_watch(error.wanted, error.floor) from error

    async def run(self, response: web.StreamResponse) -> None:
        """Write lines until the time is over, the history is lost, the client leaves or the server stops."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._watch.timeout_s
        next_bookmark = clock() + self._bookmark_interval_s
        if self._watch.since is None:
            await self._write_live(response)
        while not self._closing.is_set():
            await self._faults.until_flowing()
            read_up_to = self._store.revision
            if not await self._write_changes(response):
                return
            now = clock()
            over = now >= deadline
            if self._watch.bookmarks and (over or now >= next_bookmark):
                await self._write_bookmark(response)
                next_bookmark = now + self._bookmark_interval_s
            if over:
                return
            wake_at = min(deadline, next_bookmark) if self._watch.bookmarks else deadline
            await self._store.wait_newer(read_up_to, max(0.0, wake_at - now))

    async def _write_live(self, response: web.StreamResponse) -> None:
        for obj in self._store.items(self._watch.resource, self._watch.namespace):
            if self._watch.selected(obj):
                await _write(response, "ADDED", obj)

    async def _write_changes(self, response: web.StreamResponse) -> bool:
        try:
            changes = self._store.changes_since(self._watch.resource, self._cursor)
            if self._faults.expiry != self._expiry:
                raise Compacted(self._cursor, self._store.revision)
        except Compacted as error:
            await _write(response, "ERROR", expired_watch(error.wanted, error.floor).body)
            return False
        for change in changes:
            await self._faults.until_flowing()
            self._cursor = change.revision
            event = _as_seen(change, self._watch)
            if event is not None:
                await _write(response, *event)
        return True

    async def _write_bookmark(self, response: web.StreamResponse) -> None:
        resource = self._watch.resource
        self._cursor = max(self._cursor, self._store.latest(resource))
        body: KubeObject = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(self._cursor)},
            **resource.bookmark_body,
        }
        await _write(response, "BOOKMARK", body)


def _as_seen(change: Change, watch: WatchRequest) -> tuple[str, KubeObject] | None:
    """The event of `change` for one selector, or None when it never concerned it."""
    if watch.namespace and change.obj["metadata"].get("namespace") != watch.namespace:
        return None
    before = change.previous if change.previous is not None and watch.selected(change.previous) else None
    now = change.type is not ChangeType.DELETED and watch.selected(change.obj)
    if before is None:
        return ("ADDED", change.obj) if now else None
    if now:
        return "MODIFIED", change.obj
    last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(change.revision)}}
    return "DELETED", last


async def _write(response: web.StreamResponse, kind: str, obj: KubeObject) -> None:
    await response.write(msgspec.json.encode({"type": kind, "object": obj}) + b"\n")

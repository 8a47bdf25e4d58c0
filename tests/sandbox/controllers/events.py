"""How Kubernetes' own components write Events, with everything that makes counting them useless.

`EventRecorder` is client-go's `tools/record` (kubelet, job controller): equal texts raise `count` on one
object, from the tenth different text within ten minutes they become one `(combined from similar events): `,
and beyond a burst of 25 per object everything is silently dropped. `SeriesRecorder` is `tools/events`
(scheduler): no source, no count, only `eventTime`, and repeats hide in `series`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..api import EVENTS, ApiError, KubeObject, Registry
from ..api.clock import render_micro_time, render_time

_AGGREGATE_FROM = 10
_AGGREGATE_WITHIN = timedelta(seconds=600)
_SPAM_BURST = 25
_SPAM_REFILL_S = 300.0
_SERIES_WITHIN = timedelta(minutes=6)
_COMBINED = "(combined from similar events): "

_Key = tuple[str, ...]


def reference(obj: KubeObject, field_path: str = "") -> KubeObject:
    """The `involvedObject` that names `obj`; a Node is named as its kubelet does, without uid."""
    metadata = obj["metadata"]
    if obj["kind"] == "Node":
        return {"kind": "Node", "name": metadata["name"], "apiVersion": "v1"}
    named = {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": metadata["resourceVersion"],
    }
    return {**named, "fieldPath": field_path} if field_path else named


@dataclass(slots=True)
class _Seen:
    """What the recorder remembers of one stored Event."""

    name: str
    count: int
    first: datetime


@dataclass(slots=True)
class _Similar:
    last: datetime
    messages: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    last: datetime


class EventRecorder:
    """One component's recorder: `component` is `kubelet` or `job-controller`, `host` a node or empty."""

    def __init__(self, registry: Registry, component: str, host: str = "") -> None:
        self._registry = registry
        self._component = component
        self._host = host
        self._seen: dict[_Key, _Seen] = {}
        self._similar: dict[_Key, _Similar] = {}
        self._buckets: dict[_Key, _Bucket] = {}

    def record(self, obj: KubeObject, kind: str, reason: str, message: str, field_path: str = "") -> None:
        """Write, raise the count of, or drop one Event about `obj`. `kind` is `Normal` or `Warning`."""
        now = self._registry.clock()
        involved = reference(obj, field_path)
        about = tuple(str(involved.get(part, "")) for part in ("kind", "namespace", "name", "uid", "fieldPath"))
        group: _Key = (*about, kind, reason)
        combined = self._is_combined(group, message, now)
        text = _COMBINED + message if combined else message
        seen = self._observe(group if combined else (*group, message), involved["name"], now)
        if not self._may_pass(about[:4], now):
            return
        event = self._event(involved, kind, reason, text, seen, now)
        namespace = involved.get("namespace") or "default"
        if seen.count > 1 and self._patch(namespace, seen, text, now):
            return
        self._registry.create(EVENTS, event, namespace)

    def _is_combined(self, group: _Key, message: str, now: datetime) -> bool:
        similar = self._similar.setdefault(group, _Similar(now))
        if now - similar.last > _AGGREGATE_WITHIN:
            similar.messages.clear()
        similar.messages.add(message)
        similar.last = now
        if len(similar.messages) < _AGGREGATE_FROM:
            return False
        similar.messages.pop()
        return True

    def _observe(self, key: _Key, name: str, now: datetime) -> _Seen:
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(_event_name(name), 0, now)
        seen.count += 1
        return seen

    def _may_pass(self, about: _Key, now: datetime) -> bool:
        bucket = self._buckets.setdefault(about, _Bucket(_SPAM_BURST, now))
        refilled = (now - bucket.last).total_seconds() / _SPAM_REFILL_S
        bucket.tokens, bucket.last = min(float(_SPAM_BURST), bucket.tokens + refilled), now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _event(
        self, involved: KubeObject, kind: str, reason: str, text: str, seen: _Seen, now: datetime
    ) -> KubeObject:
        source = {"component": self._component, "host": self._host}
        return {
            "metadata": {"name": seen.name},
            "involvedObject": involved,
            "reason": reason,
            "message": text,
            "source": {key: value for key, value in source.items() if value},
            "firstTimestamp": render_time(seen.first),
            "lastTimestamp": render_time(now),
            "count": seen.count,
            "type": kind,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _patch(self, namespace: str, seen: _Seen, text: str, now: datetime) -> bool:
        change = {"count": seen.count, "lastTimestamp": render_time(now), "message": text}
        try:
            self._registry.patch(EVENTS, seen.name, change, namespace)
        except ApiError as error:
            if error.code != 404:  # its first Event was dropped as spam, or is over its lifetime
                raise
            return False
        return True


class SeriesRecorder:
    """The scheduler's recorder: the first Event of a kind stays, a repeat only opens a series."""

    def __init__(self, registry: Registry, component: str, instance: str) -> None:
        self._registry = registry
        self._component = component
        self._instance = instance
        self._open: dict[_Key, tuple[str, datetime]] = {}

    def record(self, obj: KubeObject, kind: str, reason: str, action: str, message: str) -> None:
        """Write one Event about `obj`, or note in its series that it happened again."""
        now, involved = self._registry.clock(), reference(obj)
        namespace = involved.get("namespace") or "default"
        key: _Key = (involved["uid"], involved["resourceVersion"], kind, reason, action)
        name, last = self._open.get(key, ("", now))
        if name and now - last < _SERIES_WITHIN:
            series = {"count": 2, "lastObservedTime": render_micro_time(now)}
            self._registry.patch(EVENTS, name, {"series": series}, namespace)
            return
        name = _event_name(involved["name"])
        self._open[key] = (name, now)
        event = {
            "metadata": {"name": name},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "eventTime": render_micro_time(now),
            "action": action,
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }
        self._registry.create(EVENTS, event, namespace)


def _event_name(involved: str) -> str:
    return f"{involved}.{time.time_ns():x}"

"""The form in which objects are stored: what Go drops or forces when it decodes and encodes one.

Without it a client could come to rely on reading back its own nulls, empty maps or forged metadata.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .resources import EVENTS, JOBS, NODES, PODS, KubeObject, Resource

_SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_NEVER_STORED = ("managedFields", "selfLink")
_OMITTED_WHEN_EMPTY = ("labels", "annotations", "finalizers", "ownerReferences", "generateName")
_ZERO_TIMES = (
    "lastProbeTime",
    "lastTransitionTime",
    "lastHeartbeatTime",
    "startedAt",
    "finishedAt",
)  # Go writes these as null
_EVENT_ALWAYS: Mapping[str, Any] = {
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}


def normalise(resource: Resource, obj: KubeObject) -> KubeObject:
    """A private copy in stored form: kind set, nulls dropped, the parts a type always has present."""
    clean: KubeObject = {"kind": resource.kind, "apiVersion": resource.api_version, **_without_nulls(obj)}
    clean["kind"], clean["apiVersion"] = resource.kind, resource.api_version
    metadata = clean.setdefault("metadata", {})
    for key in _NEVER_STORED:
        metadata.pop(key, None)
    for key in _OMITTED_WHEN_EMPTY:
        if key in metadata and not metadata[key]:
            del metadata[key]
    if resource in (PODS, JOBS):
        clean.setdefault("spec", {})
    if resource is JOBS:
        clean["spec"].setdefault("template", {}).setdefault("spec", {})
    if resource is NODES:
        _omit_empty(clean.setdefault("spec", {}), ("unschedulable", "taints"))
    if resource is EVENTS:
        clean = {**_EVENT_ALWAYS, **clean}
        if not clean.get("count"):
            clean.pop("count", None)
    return clean


def keep_server_fields(resource: Resource, new: KubeObject, old: KubeObject, subresource: str) -> None:
    """Take from `old` what a client may not write through this endpoint, in place."""
    metadata, previous = new["metadata"], old["metadata"]
    for key in (*_SERVER_OWNED, "name", "namespace", "generateName", "resourceVersion"):
        metadata.pop(key, None)
        if key in previous:
            metadata[key] = previous[key]
    if not resource.has_status:
        return
    kept = "spec" if subresource == "status" else "status"
    new.pop(kept, None)
    if kept in old:
        new[kept] = copy.deepcopy(old[kept])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None or key in _ZERO_TIMES}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _omit_empty(part: KubeObject, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key in part and not part[key]:
            del part[key]

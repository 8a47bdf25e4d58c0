"""How things end: preconditions, grace periods, and the mark that waits for finalizers or a kubelet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .clock import parse_time, render_time
from .resources import PODS, KubeObject, Resource
from .status import conflict


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What a DELETE or an eviction may ask for; None means the default of the type."""

    grace_s: int | None = None
    uid: str | None = None
    resource_version: str | None = None


def check_preconditions(resource: Resource, old: KubeObject, options: DeleteOptions) -> None:
    """Raise 409 when the object is not the one that the client saw."""
    metadata = old["metadata"]
    for what, wanted, current in (
        ("UID", options.uid, metadata["uid"]),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"]),
    ):
        if wanted is not None and wanted != current:
            why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {current}"
            raise conflict(resource, metadata["name"], why)


def grace_of(resource: Resource, old: KubeObject, options: DeleteOptions) -> int:
    """Seconds. Only pods end gracefully, and only where a kubelet has something to stop."""
    if resource is not PODS:
        return 0
    if not old["spec"].get("nodeName") or old["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_s is not None:
        return options.grace_s
    grace_s: int = old["spec"].get("terminationGracePeriodSeconds", 30)
    return grace_s


def mark_deleted(old: KubeObject, grace_s: int, now: datetime) -> KubeObject:
    """`old` with its deletionTimestamp set, or brought nearer; `old` itself when that changes nothing."""
    metadata = dict(old["metadata"])
    when = now + timedelta(seconds=grace_s)
    if "deletionTimestamp" in metadata:
        if grace_s >= metadata.get("deletionGracePeriodSeconds", 0):
            return old
        when = min(when, parse_time(metadata["deletionTimestamp"]))
    elif "generation" in metadata:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = render_time(when)
    metadata["deletionGracePeriodSeconds"] = grace_s
    return {**old, "metadata": metadata}


def is_released(metadata: KubeObject) -> bool:
    """True when a marked object has nothing left that holds it."""
    held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return "deletionTimestamp" in metadata and not held

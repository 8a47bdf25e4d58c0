"""Conditions of pods, jobs and nodes: lists of `{type, status, ...}` where only a real change moves the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..api import KubeObject


def find_condition(obj: Mapping[str, Any], kind: str) -> KubeObject | None:
    """The condition of that type in the object's status."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition["type"] == kind:
            found: KubeObject = condition
            return found
    return None


def holds(obj: Mapping[str, Any], kind: str) -> bool:
    condition = find_condition(obj, kind)
    return condition is not None and condition["status"] == "True"


def merge_conditions(old: Iterable[KubeObject], new: Iterable[KubeObject]) -> list[KubeObject]:
    """`old` with each of `new` in its place; `lastTransitionTime` stays while the status does."""
    merged = {condition["type"]: condition for condition in old}
    for condition in new:
        before = merged.get(condition["type"])
        if before is not None and before["status"] == condition["status"]:
            condition = {**condition, "lastTransitionTime": before["lastTransitionTime"]}
        merged[condition["type"]] = condition
    return list(merged.values())

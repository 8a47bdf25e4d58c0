"""Discovery documents: what `kubectl` reads before anything else, so that a demo's cluster can be looked at.

The bot never asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .paths import subresources
from .resources import ALL, Resource

_VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


def discover(path: str) -> Mapping[str, Any] | None:
    """The document at `path`, or None when `path` is none of discovery's."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        named = sorted({(each.group, each.version) for each in ALL if each.group})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*each) for each in named]}
    served = [each for each in ALL if each.path == path]
    if not served:
        return None
    resources = [entry for each in served for entry in _entries(each)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": served[0].api_version,
        "resources": resources,
    }


def _group(group: str, version: str) -> dict[str, Any]:
    named = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [named], "preferredVersion": named}


def _entries(resource: Resource) -> Iterable[dict[str, Any]]:
    own = {"singularName": resource.kind.lower(), "namespaced": resource.namespaced, "kind": resource.kind}
    yield {"name": resource.plural, **own, "verbs": list(_VERBS) if resource.kept else ["create"]}
    for name in sorted(subresources(resource)):
        entry = {"name": f"{resource.plural}/{name}", **own, "verbs": ["create", "get"]}
        if name == "eviction":
            entry.update(group="policy", version="v1", kind="Eviction")
        yield entry

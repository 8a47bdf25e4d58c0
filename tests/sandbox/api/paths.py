"""From a URL path to what it names."""

from __future__ import annotations

from dataclasses import dataclass

from .resources import ALL, NAMESPACES, PODS, Resource

_BY_PLURAL = {(resource.path, resource.plural): resource for resource in ALL}
_SUBRESOURCES = {PODS: frozenset({"status", "eviction", "binding", "log"})}


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (no name), an object, or a subresource of one."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target | None:
    """None when the path names nothing that is served."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        prefix, rest = f"/api/{parts[1]}", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        prefix, rest = f"/apis/{parts[1]}/{parts[2]}", parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (prefix == NAMESPACES.path and rest[2] == "status"):
        namespace, rest = rest[1], rest[2:]
    resource = _BY_PLURAL.get((prefix, rest[0]))
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        return None
    name, subresource = [*rest, "", ""][1:3]
    if name and (not resource.kept or (resource.namespaced and not namespace)):
        return None
    if subresource and subresource not in subresources(resource):
        return None
    return Target(resource, namespace, name, subresource)


def subresources(resource: Resource) -> frozenset[str]:
    """What may follow the name of an object of this type."""
    return _SUBRESOURCES.get(resource, frozenset({"status"}) if resource.has_status else frozenset())

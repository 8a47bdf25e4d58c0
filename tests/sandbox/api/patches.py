"""The three patch formats of the API server: JSON patch, merge patch and strategic merge patch.

Pure functions from (object, patch) to a new object. Of the strategic merge only what its users need is here:
lists with a merge key (taints, conditions, containers, ...), `$patch: delete` / `replace` and
`$deleteFromPrimitiveList`; server-side apply is not offered, as the bot must not depend on it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .resources import KubeObject
from .status import ApiError, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
ACCEPTED = f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC_PATCH}"

# List fields that the Go types mark `patchStrategy: merge`, with their `patchMergeKey`.
_MERGE_KEYS: Mapping[str, str] = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "taints": "key",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_PRIMITIVE_MERGE = frozenset({"finalizers"})
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def apply_merge(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge(merged.get(key), value)
    return merged


def apply_strategic(target: KubeObject, patch: KubeObject) -> KubeObject:
    """Merge by the keys of the Go types. Raises 400 when an item lacks its merge key."""
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    merged = dict(target)
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            name = key.removeprefix(_DELETE_PRIMITIVES)
            merged[name] = [item for item in merged.get(name) or [] if item not in value]
        elif key.startswith("$"):
            continue  # $setElementOrder and $retainKeys only order or prune what a full apply sends
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        else:
            merged[key] = _strategic_value(key, merged.get(key), value)
    return merged


def _strategic_value(key: str, current: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return apply_strategic(current if isinstance(current, dict) else {}, value)
    if isinstance(value, list) and key in _MERGE_KEYS:
        return _merge_list(current or [], value, _MERGE_KEYS[key])
    if isinstance(value, list) and key in _PRIMITIVE_MERGE:
        kept = list(current or [])
        return kept + [item for item in value if item not in kept]
    return copy.deepcopy(value)


def _merge_list(current: list[KubeObject], patch: list[KubeObject], merge_key: str) -> list[KubeObject]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if "$patch" not in item]
    merged = list(current)
    for item in patch:
        if merge_key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {merge_key}")
        where = next((i for i, old in enumerate(merged) if old.get(merge_key) == item[merge_key]), None)
        if item.get("$patch") == "delete":
            merged = [old for old in merged if old.get(merge_key) != item[merge_key]]
        elif where is None:
            merged.append(apply_strategic({}, item))
        else:
            merged[where] = apply_strategic(merged[where], item)
    return merged


def apply_json_patch(target: KubeObject, operations: Any) -> KubeObject:
    """RFC 6902. Raises 400 for a malformed patch, 422 when a path is absent or a `test` fails."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type []Operation")
    document = copy.deepcopy(target)
    for operation in operations:
        try:
            _apply_operation(document, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise ApiError(422, "Invalid", message, {}) from error
    return document


def _apply_operation(document: Any, operation: Mapping[str, Any]) -> None:
    match operation["op"]:
        case "add":
            _add(document, operation["path"], copy.deepcopy(operation["value"]))
        case "replace":
            _remove(document, operation["path"])
            _add(document, operation["path"], copy.deepcopy(operation["value"]))
        case "remove":
            _remove(document, operation["path"])
        case "test":
            if _read(document, operation["path"]) != operation["value"]:
                raise ValueError(operation["path"])
        case "move":
            moved = _remove(document, operation["from"])
            _add(document, operation["path"], moved)
        case "copy":
            _add(document, operation["path"], copy.deepcopy(_read(document, operation["from"])))
        case unknown:
            raise ValueError(unknown)


def _tokens(pointer: str) -> list[str]:
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _step(container: Any, token: str) -> Any:
    return container[int(token)] if isinstance(container, list) else container[token]


def _read(document: Any, pointer: str) -> Any:
    for token in _tokens(pointer):
        document = _step(document, token)
    return document


def _parent(document: Any, pointer: str) -> tuple[Any, str]:
    *above, last = _tokens(pointer)
    for token in above:
        document = _step(document, token)
    return document, last


def _add(document: Any, pointer: str, value: Any) -> None:
    container, last = _parent(document, pointer)
    if isinstance(container, list):
        index = len(container) if last == "-" else int(last)
        if not 0 <= index <= len(container):
            raise IndexError(pointer)
        container.insert(index, value)
    else:
        container[last] = value


def _remove(document: Any, pointer: str) -> Any:
    container, last = _parent(document, pointer)
    return container.pop(int(last)) if isinstance(container, list) else container.pop(last)

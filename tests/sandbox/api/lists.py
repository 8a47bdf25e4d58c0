"""LIST: selectors, chunks under one revision, and the resourceVersion rules of the read path."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .resources import KubeObject, Resource
from .selectors import Predicate, parse_fields, parse_labels
from .status import bad_request, expired_continue, expired_list, too_large_version
from .store import Compacted, Store


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a chunked list goes on: after `start`, in the state of `revision` (0: whatever is live)."""

    revision: int
    start: tuple[str, str]

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.revision, *self.start]).encode()).decode().rstrip("=")


def parse_selectors(query: Mapping[str, str], resource: Resource) -> Predicate:
    """The `labelSelector` and `fieldSelector` of a list or watch as one predicate."""
    by_label = parse_labels(query.get("labelSelector", ""))
    by_field = parse_fields(query.get("fieldSelector", ""), resource)
    return lambda obj: by_label(obj) and by_field(obj)


def parse_revision(text: str) -> int:
    """A `resourceVersion` parameter; empty is 0. Raises 400."""
    if not text:
        return 0
    if not text.isdecimal():
        raise bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def list_objects(store: Store, resource: Resource, namespace: str, query: Mapping[str, str]) -> KubeObject:
    """The List object of a GET on a collection. Raises 400, 410 (too old) or 504 (too new)."""
    selected = parse_selectors(query, resource)
    limit = _parse_limit(query.get("limit", ""))
    token = query.get("continue", "")
    objects, revision, start = (
        _resumed(store, resource, namespace, query, token) if token else _fresh(store, resource, namespace, query)
    )
    wanted = [obj for obj in objects if selected(obj) and _position(obj) > start]
    metadata: dict[str, object] = {"resourceVersion": str(revision)}
    chunk = wanted[:limit] if limit else wanted
    if len(chunk) < len(wanted):
        metadata["continue"] = _Page(revision, _position(chunk[-1])).token()
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(wanted) - len(chunk)
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": [{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in chunk],
    }


def _fresh(
    store: Store, resource: Resource, namespace: str, query: Mapping[str, str]
) -> tuple[list[KubeObject], int, tuple[str, str]]:
    wanted, match = parse_revision(query.get("resourceVersion", "")), query.get("resourceVersionMatch", "")
    if match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f'resourceVersionMatch: Unsupported value: "{match}"')
    if match and not query.get("resourceVersion"):
        raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
    if wanted > store.revision:
        raise too_large_version(wanted, store.revision)
    if match == "Exact":
        try:
            return store.items_at(resource, wanted, namespace), wanted, ("", "")
        except Compacted as error:
            raise expired_list(error.wanted, error.floor) from error
    return store.items(resource, namespace), store.revision, ("", "")


def _resumed(
    store: Store, resource: Resource, namespace: str, query: Mapping[str, str], token: str
) -> tuple[list[KubeObject], int, tuple[str, str]]:
    if query.get("resourceVersion", "0") not in ("", "0") or query.get("resourceVersionMatch"):
        raise bad_request("specifying resource version is not allowed when using continue")
    page = _parse_token(token)
    if page.revision == 0:
        return store.items(resource, namespace), store.revision, page.start
    try:
        return store.items_at(resource, page.revision, namespace), page.revision, page.start
    except Compacted as error:
        raise expired_continue(_Page(0, page.start).token()) from error


def _parse_token(token: str) -> _Page:
    try:
        revision, namespace, name = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return _Page(int(revision), (str(namespace), str(name)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def _parse_limit(text: str) -> int:
    if text and not text.isdecimal():
        raise bad_request(f'limit: Invalid value: "{text}"')
    return int(text) if text else 0


def _position(obj: KubeObject) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]

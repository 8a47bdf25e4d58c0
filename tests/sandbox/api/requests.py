"""One HTTP request to the API, from its parsed target to the object that answers it.

Bodies, media types, `dryRun` and delete options are read here; what the verbs do is `registry`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml
from aiohttp import web

from . import pods
from .access import Access, User
from .deletion import DeleteOptions
from .lists import list_objects
from .paths import Target
from .registry import Registry
from .resources import KubeObject
from .reviews import review
from .status import bad_request, method_not_allowed, unsupported_media_type

_SUCCESS: Mapping[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
_JSON_TYPES = ("", "application/json", "application/octet-stream")
_YAML_TYPES = ("application/yaml",)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and its JSON body, or plain text (logs)."""

    code: int
    body: KubeObject | str


async def answer_question(access: Access, user: User, target: Target, request: web.Request) -> Answer:
    """Carry out one request about a type that is not kept. Raises `ApiError`."""
    if request.method != "POST":
        raise method_not_allowed()
    return Answer(201, review(access, user, _decode(request, await request.read(), target)))


async def answer(registry: Registry, logs: pods.PodLogs, target: Target, request: web.Request) -> Answer:
    """Carry out one request that is not a watch. Raises `ApiError`."""
    raw = await request.read()
    method, query = request.method, request.query
    if target.subresource in ("eviction", "binding", "log"):
        return _pod_subresource(registry, logs, target, request, raw)
    match method, bool(target.name):
        case "GET", True:
            return Answer(200, registry.get(target.resource, target.name, target.namespace))
        case "GET", False:
            return Answer(200, list_objects(registry.store, target.resource, target.namespace, query))
        case "POST", False:
            return _create(registry, target, request, raw)
        case "PUT", True:
            return _update(registry, target, request, raw)
        case "PATCH", True:
            return _patch(registry, target, request, raw)
        case "DELETE", True if not target.subresource:
            return _delete(registry, target, request, raw)
        case _:
            raise method_not_allowed()


def _create(registry: Registry, target: Target, request: web.Request, raw: bytes) -> Answer:
    body = _decode(request, raw, target)
    return Answer(201, registry.create(target.resource, body, target.namespace, dry_run=_dry_run(request.query)))


def _update(registry: Registry, target: Target, request: web.Request, raw: bytes) -> Answer:
    body = _decode(request, raw, target)
    existed = registry.store.find(target.resource, (target.namespace, target.name)) is not None
    updated = registry.update(
        target.resource,
        target.name,
        body,
        target.namespace,
        subresource=target.subresource,
        dry_run=_dry_run(request.query),
    )
    return Answer(200 if existed else 201, updated)


def _patch(registry: Registry, target: Target, request: web.Request, raw: bytes) -> Answer:
    patched = registry.patch(
        target.resource,
        target.name,
        _parse_json(raw),
        target.namespace,
        content_type=request.content_type,
        subresource=target.subresource,
        dry_run=_dry_run(request.query),
    )
    return Answer(200, patched)


def _delete(registry: Registry, target: Target, request: web.Request, raw: bytes) -> Answer:
    body = _parse_json(raw) if raw else {}
    dry_run = _dry_run(request.query) or body.get("dryRun") == ["All"]
    options = _delete_options(body, request.query)
    deleted = registry.delete(target.resource, target.name, target.namespace, options, dry_run=dry_run)
    if target.resource.returns_deleted or deleted["metadata"].get("finalizers"):
        return Answer(200, deleted)
    details = {"name": target.name, "group": target.resource.group, "kind": target.resource.plural}
    details["uid"] = deleted["metadata"]["uid"]
    return Answer(200, {**_SUCCESS, "details": {key: value for key, value in details.items() if value}})


def _pod_subresource(
    registry: Registry, logs: pods.PodLogs, target: Target, request: web.Request, raw: bytes
) -> Answer:
    match target.subresource, request.method:
        case "log", "GET":
            pod = registry.get(target.resource, target.name, target.namespace)
            return Answer(200, logs.read(pod, request.query.get("container", "")))
        case "eviction", "POST":
            body = _parse_json(raw)
            if (body.get("metadata") or {}).get("name") != target.name:
                raise bad_request("name in URL does not match name in Eviction object")
            options = body.get("deleteOptions") or {}
            dry_run = _dry_run(request.query) or options.get("dryRun") == ["All"]
            wanted = _delete_options(options, {})
            pods.evict(registry, target.namespace, target.name, wanted, dry_run=dry_run)
            return Answer(201, {**_SUCCESS, "code": 201})
        case "binding", "POST":
            node = (_parse_json(raw).get("target") or {}).get("name", "")
            pods.bind(registry, target.namespace, target.name, node)
            return Answer(201, {**_SUCCESS, "code": 201})
        case _:
            raise method_not_allowed()


def _delete_options(body: Mapping[str, Any], query: Mapping[str, str]) -> DeleteOptions:
    preconditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    return DeleteOptions(
        grace_s=None if grace is None else int(grace),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
    )


def _dry_run(query: Mapping[str, str]) -> bool:
    wanted = query.get("dryRun", "")
    if wanted not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{wanted}": supported values: "All"')
    return wanted == "All"


def _decode(request: web.Request, raw: bytes, target: Target) -> KubeObject:
    if request.content_type in _YAML_TYPES:
        body = yaml.safe_load(raw)
    elif request.content_type in _JSON_TYPES:
        body = _parse_json(raw)
    else:
        raise unsupported_media_type("application/json, application/yaml, application/vnd.kubernetes.protobuf")
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized (must be of type " + target.resource.kind + ")")
    resource = target.resource
    kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f'no kind "{kind}" is registered for version {version}'
        )
    return body


def _parse_json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding: {error}") from error

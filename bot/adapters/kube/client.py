"""The few verbs of the Kubernetes API that the bot uses: structs out, and errors of `bot.core.errors` only.

Reading is decoded by msgspec into the structs of `bot.core.objects`, which skip every field that nobody needs.
Writing takes whole objects or JSON merge patches as we build them.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from bot.adapters.kube.connect import Connection
from bot.adapters.kube.resources import ACCESS_REVIEWS, NAMESPACES, VERSION, Call, Resource, T
from bot.adapters.kube.transport import PRODUCT, Request, Transport
from bot.core.errors import UNDECODABLE, NotFoundError, PermanentError
from bot.core.objects import RawObject

MERGE_PATCH: Final = "application/merge-patch+json"
PAGE_LIMIT: Final = 250
"""Objects. A page is held as text and decoded at once, and what that takes at its peak is not given back."""

S = TypeVar("S", bound=Struct)


class _ListMeta(Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(Struct, frozen=True, rename="camel"):
    metadata: _ListMeta
    items: tuple[msgspec.Raw, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `skipped` says what was wrong with those that did not decode."""

    items: tuple[T, ...]
    resource_version: str
    skipped: tuple[str, ...]


class ApiClient:
    """Requests against one API server; `timeout_s` is the outer bound of each, `page_limit` counts objects."""

    def __init__(self, connection: Connection, *, timeout_s: float, page_limit: int = PAGE_LIMIT) -> None:
        self._page_limit = page_limit
        self._transport = Transport(connection, timeout_s=timeout_s)

    async def get(self, resource: Resource[T], name: str, namespace: str = "") -> T:
        """Raises NotFoundError."""
        return await self._object(Request(Call("get", resource, namespace, name), "GET", {}), resource.type)

    async def find(self, resource: Resource[T], name: str, namespace: str = "") -> T | None:
        """`None` when the server says that there is none."""
        try:
            return await self.get(resource, name, namespace)
        except NotFoundError:
            return None

    async def pages(
        self, resource: Resource[T], namespace: str = "", *, field_selector: str = ""
    ) -> AsyncIterator[Page[T]]:
        """All objects as of one resourceVersion. Raises GoneError when that grew too old midway."""
        call = Call("list", resource, namespace)
        params = {"limit": str(self._page_limit), "fieldSelector": field_selector}
        decoder = msgspec.json.Decoder(resource.type)
        while True:
            found = await self._object(Request(call, "GET", params), _List)
            yield _page(found, decoder)
            if not found.metadata.continue_:
                return
            params = {**params, "continue": found.metadata.continue_}

    async def list_all(
        self, resource: Resource[T], namespace: str = "", *, field_selector: str = ""
    ) -> tuple[T, ...]:
        """Every object. One that cannot be read is an error for all: unknown is not absent."""
        found: list[T] = []
        async for page in self.pages(resource, namespace, field_selector=field_selector):
            if page.skipped:
                call = Call("list", resource, namespace)
                raise PermanentError(f"{call}: an object is not of the form we know: {page.skipped[0]}")
            found.extend(page.items)
        return tuple(found)

    async def create(
        self, resource: Resource[T], body: RawObject, namespace: str = "", *, dry_run: bool = False
    ) -> T:
        """Raises AlreadyExistsError, RejectedError."""
        call = Call("create", resource, namespace, body["metadata"]["name"])
        request = Request(call, "POST", _write_params(dry_run), msgspec.json.encode(body))
        return await self._object(request, resource.type)

    async def patch(
        self,
        resource: Resource[T],
        name: str,
        body: RawObject,
        namespace: str = "",
        *,
        dry_run: bool = False,
        timeout_s: float | None = None,
    ) -> T:
        """JSON merge patch (RFC 7396); with a `metadata.resourceVersion`, a change since is a ConflictError."""
        call = Call("patch", resource, namespace, name)
        request = Request(call, "PATCH", _write_params(dry_run), msgspec.json.encode(body), MERGE_PATCH)
        return await self._object(request, resource.type, timeout_s)

    async def delete(
        self, resource: Resource[Any], name: str, namespace: str = "", *, uid: str, dry_run: bool = False
    ) -> None:
        """Delete exactly the object with this uid, with no grace period. Raises NotFoundError, ConflictError."""
        options: RawObject = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        if dry_run:
            options["dryRun"] = ["All"]
        call = Call("delete", resource, namespace, name)
        await self._transport.send(Request(call, "DELETE", {}, msgspec.json.encode(options)))

    def watch(
        self, resource: Resource[Any], namespace: str, params: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The raw chunks of a watch; the caller holds the deadline."""
        call = Call("watch", resource, namespace)
        return self._transport.stream(Request(call, "GET", {**params, "watch": "1"}))

    async def server_version(self) -> str:
        """The server's version ("v1.24.17"); needs no permission, so it tells whether the server is there."""
        return (await self._object(Request(Call("get", VERSION), "GET", {}), VERSION.type)).git_version

    async def may(self, call: Call[Any]) -> bool:
        """Whether the server would let us make that call now; it does not look whether the object exists."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": _question(call),
        }
        request = Request(Call("create", ACCESS_REVIEWS), "POST", {}, msgspec.json.encode(body))
        return (await self._object(request, ACCESS_REVIEWS.type)).status.allowed

    async def _object(self, request: Request, kind: type[S], timeout_s: float | None = None) -> S:
        body = await self._transport.send(request, timeout_s)
        try:
            return msgspec.json.decode(body, type=kind)
        except UNDECODABLE as error:
            raise PermanentError(f"{request.call}: the answer is not of the form we know: {error}") from error


def _page(found: _List, decoder: msgspec.json.Decoder[T]) -> Page[T]:
    items: list[T] = []
    skipped: list[str] = []
    for raw in found.items or ():
        try:
            items.append(decoder.decode(raw))
        except UNDECODABLE as error:
            skipped.append(str(error))
    return Page(tuple(items), found.metadata.resource_version, tuple(skipped))


def _question(call: Call[Any]) -> RawObject:
    """The server takes a Namespace for something in itself, so a Role in it may be what allows to read it."""
    resource = call.resource
    wanted = {"verb": call.verb, "group": resource.group, "resource": resource.plural}
    wanted["namespace"] = call.name if resource is NAMESPACES else call.namespace
    return {"resourceAttributes": {**wanted, "name": call.name}}


def _write_params(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": PRODUCT, "dryRun": "All" if dry_run else ""}

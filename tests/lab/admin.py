"""The administrator's hand on the lab's API server: whole objects as they come, written and read without decoding.

Tests look at what the bot left behind and break what it must repair. The connection is the bot's own, so that a
kubeconfig of the lab is read as any other is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.adapters.kube.client import MERGE_PATCH
from bot.adapters.kube.connect import connect
from bot.adapters.kube.resources import Call, Resource
from bot.adapters.kube.transport import Request, Transport
from bot.core.errors import NotFoundError
from bot.core.settings import Kubernetes

KubeObject = dict[str, Any]
_T = TypeVar("_T")
_TIMEOUT_S = 30
_LOOK_EVERY_S = 0.5


@asynccontextmanager
async def administrator(kubeconfig: Path) -> AsyncIterator[Admin]:
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        yield Admin(Transport(connection, timeout_s=_TIMEOUT_S))


class Admin:
    """One verb per method. Refusals are errors of `bot.core.errors`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, resource: Resource[Any], name: str, namespace: str = "") -> KubeObject:
        return await self._send(Call("get", resource, namespace, name), "GET")

    async def find(self, resource: Resource[Any], name: str, namespace: str = "") -> KubeObject | None:
        try:
            return await self.get(resource, name, namespace)
        except NotFoundError:
            return None

    async def list(self, resource: Resource[Any], namespace: str = "") -> list[KubeObject]:
        found = await self._send(Call("list", resource, namespace), "GET")
        return list(found["items"])

    async def create(self, resource: Resource[Any], body: KubeObject, namespace: str = "") -> KubeObject:
        call = Call("create", resource, namespace, body["metadata"].get("name", ""))
        return await self._send(call, "POST", body)

    async def patch(
        self, resource: Resource[Any], name: str, change: KubeObject, namespace: str = ""
    ) -> KubeObject:
        """A JSON merge patch."""
        return await self._send(Call("patch", resource, namespace, name), "PATCH", change, MERGE_PATCH)

    async def delete(self, resource: Resource[Any], name: str, namespace: str = "") -> None:
        """At once, dependents in the background; nothing when it is gone."""
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        try:
            await self._send(Call("delete", resource, namespace, name), "DELETE", options)
        except NotFoundError:
            return

    async def delete_all(self, resource: Resource[Any], namespace: str = "") -> None:
        """The whole collection, as `delete` does it with one."""
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        await self._send(Call("delete", resource, namespace), "DELETE", options)

    async def _send(
        self,
        call: Call[Any],
        method: str,
        body: KubeObject | None = None,
        content_type: str = "application/json",
    ) -> KubeObject:
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await self._transport.send(Request(call, method, {}, payload, content_type))
        return msgspec.json.decode(answer, type=KubeObject)


async def until(look: Callable[[], Awaitable[_T | None]], timeout_s: float) -> _T:
    """What `look` finds as soon as it finds something; it is asked every half second. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(_LOOK_EVERY_S)

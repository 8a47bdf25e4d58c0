"""A bare HTTP client for tests of the stand-in: no retries, no decoding beyond JSON, nothing of the bot's.

The bot's own adapter is tested elsewhere; this one shows what went over the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
import msgspec

from .patches import MERGE_PATCH
from .resources import KubeObject
from .server import ApiServer


@dataclass(frozen=True, slots=True)
class Reply:
    """A status code and the decoded body (text where it is not JSON)."""

    code: int
    body: Any
    headers: dict[str, str]


class ApiClient:
    """`async with ApiClient(server) as client`. `token` defaults to the administrator's; empty sends none."""

    def __init__(self, server: ApiServer, token: str | None = None) -> None:
        self._url = server.url
        token = server.admin_token if token is None else token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._ssl: ssl.SSLContext | bool = True
        if server.ca_pem:
            self._ssl = ssl.create_default_context(cadata=server.ca_pem.decode())
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> ApiClient:
        self._session = aiohttp.ClientSession(
            base_url=self._url, headers=self._headers, connector=aiohttp.TCPConnector(ssl=self._ssl)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **query: str
    ) -> Reply:
        """One request; keyword arguments are query parameters."""
        payload = None if body is None else msgspec.json.encode(body)
        headers = {} if payload is None else {"Content-Type": content_type}
        async with self._session.request(method, path, data=payload, headers=headers, params=query) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return Reply(
                response.status, msgspec.json.decode(raw) if is_json else raw.decode(), dict(response.headers)
            )

    async def get(self, path: str, **query: str) -> Reply:
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, content_type: str = MERGE_PATCH, **query: str) -> Reply:
        return await self.call("PATCH", path, body, content_type=content_type, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Reply:
        return await self.call("DELETE", path, body, **query)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, **query: str) -> AsyncIterator[WatchLines]:
        """An open watch; its connection is cut when the block ends."""
        async with self._session.get(path, params={"watch": "1", **query}) as response:
            yield WatchLines(response)
            response.close()


class WatchLines:
    """The events of one watch, one at a time, each within a bound."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.code = response.status
        self._response = response

    async def next(self, timeout_s: float = 2.0) -> tuple[str, KubeObject]:
        """(type, object). Raises TimeoutError when nothing comes, EOFError when the stream ended."""
        async with asyncio.timeout(timeout_s):
            line = await self._response.content.readline()
        if not line:
            raise EOFError
        event = msgspec.json.decode(line)
        return event["type"], event["object"]

    async def next_name(self) -> tuple[str, str]:
        """(type, object name): what most tests ask."""
        kind, obj = await self.next()
        return kind, obj["metadata"]["name"]

    async def rest(self, silence_s: float) -> list[str]:
        """The types of everything until the stream ends or says nothing for `silence_s`."""
        kinds: list[str] = []
        with contextlib.suppress(EOFError, TimeoutError):
            while True:
                kinds.append((await self.next(silence_s))[0])
        return kinds

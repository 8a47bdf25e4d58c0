"""`kubectl apply` on the lab's API server, as the administrator: any object, its kind need not be known before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bot.adapters.kube.connect import Connection, connect
from bot.core.settings import Kubernetes

Object = dict[str, Any]


@asynccontextmanager
async def server(kubeconfig: Path) -> AsyncIterator[Server]:
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        yield Server(connection)


class Server:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def apply(self, obj: Object, *, dry_run: bool = False) -> tuple[int, list[str], Object]:
        """Server-side apply: status, warnings, and the object or the refusal."""
        query = {"fieldManager": "test", "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        path, body = await self._path(obj), yaml.safe_dump(obj)
        async with self._send("PATCH", path, params=query, headers=headers, data=body) as response:
            return response.status, response.headers.getall("Warning", []), await response.json()

    async def delete(self, obj: Object) -> None:
        """With what it owns; its pods end as they would on any node."""
        async with self._send("DELETE", await self._path(obj), json={"propagationPolicy": "Background"}):
            return

    async def _path(self, obj: Object) -> str:
        """The server itself knows how a kind is called in its paths, and whether it lives in a namespace."""
        version, kind, metadata = obj["apiVersion"], obj["kind"], obj["metadata"]
        namespace = metadata.get("namespace", "")
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        async with self._send("GET", root) as response:
            known = (await response.json())["resources"]
        (found,) = (r for r in known if r["kind"] == kind and "/" not in r["name"])
        assert bool(namespace) == found["namespaced"]
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{inside}/{found['name']}/{metadata['name']}"

    def _send(self, method: str, path: str, **what: Any) -> aiohttp.client._RequestContextManager:
        return self._connection.session.request(method, self._connection.base_url + path, **what)

"""An API server and the adapter connected to it.

The server is the stand-in of `tests/sandbox/api`, or the one that IMSBOT_TEST_KUBECONFIG names, so that the same
tests keep the stand-in honest. IMSBOT_TEST_BOT_KUBECONFIG then is of an account there with the rights of
`deploy/rbac.yaml`. Tests that inject faults ask for `server`, and are skipped on a real one.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import Connection, connect
from bot.adapters.kube.resources import NAMESPACES, Resource, T
from bot.core.errors import ConflictError, NotFoundError
from bot.core.objects import RawObject
from bot.core.settings import Kubernetes
from tests.sandbox.api import ApiServer
from tests.sandbox.whole.access import BOT

REAL = os.environ.get("IMSBOT_TEST_KUBECONFIG")
_GOODBYE_S = 0.1
"""A TLS connection that aiohttp drops lives until the server has said goodbye, for which aiohttp does not wait."""


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """The stand-in, over TLS; bookmarks come often, so that no test waits for one."""
    if REAL:
        pytest.skip("injects faults, which a real API server does not offer")
    server = ApiServer(bookmark_interval_s=0.1)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if REAL:
        return Path(REAL)
    server: ApiServer = request.getfixturevalue("server")
    return server.kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
def bot_kubeconfig(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of somebody with the rights of `deploy/rbac.yaml`."""
    if REAL:
        return Path(os.environ["IMSBOT_TEST_BOT_KUBECONFIG"])
    server: ApiServer = request.getfixturevalue("server")
    return server.kubeconfig(tmp_path / "bot-kubeconfig", server.access.add(BOT))


class TidyClient(ApiClient):
    """Takes away what a test made: a real server keeps it, and kubelets and controllers go on with it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, timeout_s=5)
        self._made: list[tuple[Resource[Any], str, str, str]] = []

    async def create(
        self, resource: Resource[T], body: RawObject, namespace: str = "", *, dry_run: bool = False
    ) -> T:
        made = await super().create(resource, body, namespace, dry_run=dry_run)
        if not dry_run:
            meta = made.metadata
            self._made.append((resource, meta.name, namespace, meta.uid))
        return made

    async def tidy(self) -> None:
        for resource, name, namespace, uid in reversed(self._made):
            with suppress(NotFoundError, ConflictError):
                await self.delete(resource, name, namespace, uid=uid)


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[ApiClient]:
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        client = TidyClient(connection)
        yield client
        if REAL:
            await client.tidy()
    if REAL:
        await asyncio.sleep(_GOODBYE_S)


@pytest.fixture
async def namespace(api: ApiClient) -> str:
    """A namespace of the test's own."""
    name = f"test-{secrets.token_hex(4)}"
    await api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name

"""The API stand-in on its own, for the tests of its verbs, reads, pods and access."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.api import NAMESPACES, ApiServer
from tests.sandbox.api.client import ApiClient


@pytest.fixture
def unstarted() -> ApiServer:
    """A module that wants another one, or more in it, has a fixture of this name."""
    return ApiServer(tls=False)


@pytest.fixture
async def server(unstarted: ApiServer) -> AsyncIterator[ApiServer]:
    unstarted.registry.create(NAMESPACES, {"metadata": {"name": "ims"}})
    await unstarted.start()
    yield unstarted
    await unstarted.stop()


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[ApiClient]:
    async with ApiClient(server) as client:
        yield client

"""A verified SSH login to a simulated worker, for tests and for hands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from tests.sandbox.nodes.fleet import Nodes


@asynccontextmanager
async def login(nodes: Nodes, name: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Against the pinned key of `known_hosts`; asyncssh's errors pass through."""
    async with asyncssh.connect(
        "127.0.0.1",
        nodes[name].sshd.port,
        username=nodes.user,
        client_keys=[str(nodes.client_key)],
        known_hosts=str(nodes.known_hosts),
        host_key_alias=name,
        config=None,
        agent_path=None,
    ) as connection:
        yield connection

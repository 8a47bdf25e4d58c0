"""The nodes as the engine sees them: `engine.ports.Nodes` over SSH.

One connection per node, shared by all who use the node at that time and closed with the last of them. Connects are
limited over all nodes, because OpenSSH drops clients beyond a few that have not logged in yet.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.adapters.ssh.connection import Connection
from bot.adapters.ssh.failures import Failures, no_failures
from bot.adapters.ssh.request import STATE_DIR
from bot.adapters.ssh.shell import LINGER_S, SshShell
from bot.adapters.ssh.trust import Address
from bot.core.errors import InputError
from bot.core.model import NodeRef
from bot.core.settings import Ssh

Resolve = Callable[[NodeRef], Awaitable[str]]
"""A node's address, without a port: its InternalIP. Raises errors of `bot.core.errors`."""


@dataclass(slots=True)
class _Shared:
    connection: Connection
    users: int = 0


class SshNodes:
    def __init__(
        self,
        settings: Ssh,
        resolve: Resolve,
        *,
        state_dir: str = STATE_DIR,
        linger_s: float = LINGER_S,
        failures: Failures | None = None,
    ) -> None:
        """`failures`: where they are counted, when not here alone."""
        self._settings = settings
        self._resolve = resolve
        self._state_dir = state_dir
        self._linger_s = linger_s
        self.failures = no_failures() if failures is None else failures
        self._connects = asyncio.Semaphore(settings.max_connects)
        self._shared: dict[str, _Shared] = {}

    @asynccontextmanager
    async def shell(self, node: NodeRef) -> AsyncIterator[SshShell]:
        """Entering does not connect: the first question does, and raises what there is to raise."""
        shared = self._shared.get(node.name)
        if shared is None:
            connection = Connection(
                node.name, self._settings, lambda: self._locate(node), self._connects, self.failures
            )
            shared = _Shared(connection)
            self._shared[node.name] = shared
        shared.users += 1
        try:
            yield SshShell(shared.connection, self._settings, self._state_dir, self._linger_s)
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[node.name]
                await shared.connection.close()

    async def _locate(self, node: NodeRef) -> Address:
        configured = self._settings.addresses.get(node.name)
        if configured is not None:
            return parse_address(configured, self._settings.port, f"ssh.addresses.{node.name}")
        return Address(await self._resolve(node), self._settings.port)


def parse_address(text: str, default_port: int, key: str) -> Address:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address. Raises InputError naming `key`."""
    host, port = text.strip(), str(default_port)
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise InputError(f"{key}: {text!r} is not an address: host, host:port or [IPv6]:port")
    return Address(host, int(port))

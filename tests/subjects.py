"""One worker as tests see it whose bodies must be true of a simulated worker and of a real one alike.

Those tests take it from a fixture; here it is simulated, and `tests/lab/test_node_contract_*` run the same bodies
on a worker of the lab. So the stand-ins for sshd and systemd are kept honest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from bot.core.settings import Ssh
from tests.sandbox.nodes import BARE, Node, Nodes


class Subject(ABC):
    """A worker that is on. `known_hosts` pins the host key that it had at the last `pin`."""

    name: str

    @abstractmethod
    def ssh(self) -> Ssh:
        """Settings for a client that has what `pin` wrote."""

    @abstractmethod
    async def shell(self, script: str) -> str:
        """stdout of a script as root, past sshd; raises when it fails."""

    @abstractmethod
    async def cut(self) -> int:
        """Kill the servers of all sessions, as a crash of them does; how many there were."""

    @abstractmethod
    async def reboot(self) -> None:
        """A hard reset."""

    @abstractmethod
    async def change_host_key(self) -> None:
        """As a rebuild of the node does. `pin` makes it known."""

    @abstractmethod
    def pin(self) -> None:
        """Write down the present host key."""

    @asynccontextmanager
    async def login(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A verified SSH login; asyncssh's errors pass through."""
        settings = self.ssh()
        host, _, port = settings.addresses[self.name].rpartition(":")
        async with asyncssh.connect(
            host,
            int(port),
            username=settings.user,
            client_keys=[str(settings.client_key)],
            known_hosts=str(settings.known_hosts),
            host_key_alias=self.name,
            config=None,
            agent_path=None,
        ) as connection:
            yield connection


@asynccontextmanager
async def simulated(directory: Path) -> AsyncIterator[Subject]:
    """A fresh worker without Kata, of the sandbox; nothing of it runs afterwards."""
    async with Nodes(directory / "nodes") as nodes:
        yield _Simulated(nodes, await nodes.add("ncn-w001", BARE))


class _Simulated(Subject):
    def __init__(self, nodes: Nodes, node: Node) -> None:
        self.name = node.name
        self._nodes = nodes
        self._node = node

    def ssh(self) -> Ssh:
        return Ssh(
            user=self._nodes.user,
            addresses=self._nodes.addresses,
            client_key=self._nodes.client_key,
            known_hosts=self._nodes.known_hosts,
        )

    async def shell(self, script: str) -> str:
        return await self._node.shell(script)

    async def cut(self) -> int:
        return self._node.sshd.cut()

    async def reboot(self) -> None:
        await self._node.reboot()

    async def change_host_key(self) -> None:
        await self._node.sshd.change_host_key()

    def pin(self) -> None:
        self._nodes.write_known_hosts()

"""One worker as tests see it whose bodies must be true of a simulated worker and of a real one alike.

It is simulated (`tests/sandbox/nodes`), or one of the lab (`tests/lab/node`) when IMSBOT_TEST_WORKER holds the
number of a lab, 0 to 15, in whose network it may be made: as root, on a machine that can run the lab. So the
stand-ins for sshd and systemd are kept honest.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from bot.core.settings import Ssh
from tests.lab.node import Network, Worker
from tests.lab.node.alone import NAME, lone_worker
from tests.sandbox.nodes import BARE, Node, Nodes

REAL = os.environ.get("IMSBOT_TEST_WORKER")


class Subject(ABC):
    """A worker that is on. `known_hosts` pins the host key that it had at the last `pin`."""

    name = NAME

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
async def subject(directory: Path) -> AsyncIterator[Subject]:
    """A fresh worker without Kata; nothing of it runs afterwards."""
    making = _real(directory, Network(int(REAL))) if REAL else _simulated(directory)
    async with making as worker:
        yield worker


@asynccontextmanager
async def _simulated(directory: Path) -> AsyncIterator[Subject]:
    async with Nodes(directory / "nodes") as nodes:
        yield _Simulated(nodes, await nodes.add(NAME, BARE))


@asynccontextmanager
async def _real(directory: Path, network: Network) -> AsyncIterator[Subject]:
    async with lone_worker(directory, network) as worker:
        yield _Real(worker, directory / "known_hosts")


class _Simulated(Subject):
    def __init__(self, nodes: Nodes, node: Node) -> None:
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


class _Real(Subject):
    def __init__(self, worker: Worker, known_hosts: Path) -> None:
        self._worker = worker
        self._known_hosts = known_hosts
        self.pin()

    def ssh(self) -> Ssh:
        return Ssh(
            user="root",
            addresses={self.name: self._worker.ssh_address},
            client_key=self._worker.client_key,
            known_hosts=self._known_hosts,
        )

    async def shell(self, script: str) -> str:
        return await self._worker.run(script)

    async def cut(self) -> int:
        return await self._worker.cut_sessions()

    async def reboot(self) -> None:
        await self._worker.reboot()

    async def change_host_key(self) -> None:
        await self._worker.change_host_key()

    def pin(self) -> None:
        self._known_hosts.write_text(self._worker.known_hosts)

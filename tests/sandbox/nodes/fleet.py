"""Simulated workers by the handful: one client key, one known_hosts file, switched on and off together."""

import asyncio
import getpass
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import asyncssh

from tests.sandbox.nodes.node import Node
from tests.sandbox.nodes.state import HEALTHY, NodeState


class Nodes:
    """`async with Nodes(folder) as nodes: node = await nodes.add("ncn-w001", state=BARE)`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._nodes: dict[str, Node] = {}
        key = asyncssh.generate_private_key("ssh-ed25519", comment="imsbot-sandbox")
        self.client_key = self._directory / "client_key"
        self.client_key.write_bytes(key.export_private_key())
        self.client_key.chmod(0o600)
        self._public_key = key.export_public_key().decode()
        self.known_hosts = self._directory / "known_hosts"
        self.known_hosts.touch()
        self.user = getpass.getuser()
        """Who logs in: sshd runs as the current user and so admits nobody else."""

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    async def __aenter__(self) -> "Nodes":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def addresses(self) -> dict[str, str]:
        """Node name -> `host:port`."""
        return {node.name: f"127.0.0.1:{node.sshd.port}" for node in self}

    async def add(self, name: str, state: NodeState = HEALTHY) -> Node:
        """Make a node and switch it on."""
        xname = f"x3000c0s{len(self._nodes) + 7}b0n0"
        node = Node(name, self._directory / name, client_key=self._public_key, state=state, xname=xname)
        self._nodes[name] = node
        await node.start()
        self.write_known_hosts()
        return node

    async def add_all(self, states: dict[str, NodeState]) -> None:
        """Several at once."""
        await asyncio.gather(*(self.add(name, state) for name, state in states.items()))

    async def stop(self) -> None:
        """Switch all off; their folders stay."""
        await asyncio.gather(*(node.stop() for node in self))

    def write_known_hosts(self) -> None:
        """Pin what the nodes have now; call it again to re-pin after a host key has changed."""
        self.known_hosts.write_text("".join(node.known_hosts for node in self if node.sshd.port))

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.ssh.nodes import SshNodes
from bot.core.model import NodeRef
from bot.core.settings import Ssh
from tests.adapters.ssh.sshd import Sshd

NODE = NodeRef("ncn-w001", "uid-1")


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    server = Sshd(tmp_path / "sshd")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def unresolvable(node: NodeRef) -> str:
    raise AssertionError(f"{node.name} has a configured address")


def nodes_of(settings: Ssh, state_dir: Path | None = None, *, linger_s: float = 0.0) -> SshNodes:
    return SshNodes(settings, unresolvable, state_dir=str(state_dir or "/nonexistent"), linger_s=linger_s)


__all__ = ["NODE", "nodes_of", "unresolvable"]

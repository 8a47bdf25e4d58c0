"""A worker without a cluster: for tests that need a real systemd, sshd or containerd and no kubelet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.lab.node.kit import prepare
from tests.lab.node.network import Network
from tests.lab.node.software import Containerd
from tests.lab.node.worker import Worker
from tests.lab.programs import Programs

NAME = "ncn-w001"


@asynccontextmanager
async def lone_worker(
    directory: Path, network: Network, versions: Iterable[Containerd] = (Containerd.V1_6,)
) -> AsyncIterator[Worker]:
    """On, as `Worker.reset` leaves it; `versions` of containerd can be chosen. Nothing of it remains."""
    worker = Worker(await prepare(directory, network, Programs(), versions), NAME, 1)
    try:
        await worker.reset()
        yield worker
    finally:
        await worker.remove()
        await network.down()

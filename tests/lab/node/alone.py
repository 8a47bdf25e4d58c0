"""A worker beside those of a cluster, which it has nothing to do with: for tests that need no kubelet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.lab.node.kit import prepare
from tests.lab.node.network import Network
from tests.lab.node.software import Containerd
from tests.lab.node.worker import Worker
from tests.lab.programs import Programs

_INDEX = 9
"""Beyond those of a lab's cluster."""


@asynccontextmanager
async def lone_worker(
    directory: Path, network: Network, versions: Iterable[Containerd] = (Containerd.V1_6,)
) -> AsyncIterator[Worker]:
    """On, as `Worker.reset` leaves it; `versions` of containerd can be chosen. Nothing of it remains.

    The network may have a cluster or not. There can be one such worker at a time in it.
    """
    worker = Worker(await prepare(directory, network, Programs(), versions), f"ncn-w{_INDEX:03}", _INDEX)
    try:
        await worker.reset()
        yield worker
    finally:
        await worker.remove()
        await network.down()

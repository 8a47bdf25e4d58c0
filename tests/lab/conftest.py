"""One lab for the whole run, put back before each test that tells a story on it.

IMSBOT_LAB_NUMBER is the number of its network, 1 when it is not set: 0 is `make lab`'s, 2 `make lab-demo`'s.
IMSBOT_LAB_KEEP leaves the lab standing after the run.
IMSBOT_LAB_RECORD is a folder for recordings of what the API server says, one per story.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.lab import applying
from tests.lab.claim import claimed
from tests.lab.cluster import Lab, prepare_lab
from tests.lab.node import Network
from tests.lab.recording import recording
from tests.lab.remains import Remains
from tests.lab.story import Story

NUMBER = int(os.environ.get("IMSBOT_LAB_NUMBER", "1"))
RECORD = os.environ.get("IMSBOT_LAB_RECORD")
STATE = Path(__file__).parents[2] / f"build/lab-test-{NUMBER}"


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Of this run alone."""
    with claimed(NUMBER) as network:
        yield network


@pytest.fixture(scope="session")
def lone_folder(network: Network) -> Path:
    """Of a worker beside the cluster's; what a killed run leaves there is taken away with its lab."""
    return STATE / "alone"


@pytest.fixture(scope="session")
def running_lab(network: Network) -> Iterator[Lab]:
    """Nothing of it belongs to an event loop."""
    remains = Remains(STATE, network)
    asyncio.run(remains.remove())
    try:
        yield asyncio.run(_start(network))
    finally:
        if not os.environ.get("IMSBOT_LAB_KEEP"):
            asyncio.run(remains.remove())


async def _start(network: Network) -> Lab:
    lab = await prepare_lab(STATE, network)
    await lab.start()
    return lab


@pytest.fixture
async def lab(running_lab: Lab) -> Lab:
    """Three Ready workers without Kata."""
    await running_lab.reset()
    return running_lab


@pytest.fixture
async def story(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Story]:
    async with AsyncExitStack() as stack:
        story = await stack.enter_async_context(Story(lab, tmp_path))
        if RECORD:
            record = recording(lab.admin_kubeconfig, Path(RECORD) / request.node.name)
            story.on_mark = (await stack.enter_async_context(record)).mark
        yield story


@pytest.fixture
async def server(running_lab: Lab) -> AsyncIterator[applying.Server]:
    async with applying.server(running_lab.admin_kubeconfig) as server:
        yield server

"""Reading facts over SSH, on a worker of the lab: the bodies are those that run on a simulated one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.adapters.ssh.test_ssh_read import *  # noqa: F403 - pytest collects what is imported
from tests.lab.node import Network
from tests.lab.node.alone import lone_worker
from tests.lab.node.subject import RealSubject
from tests.subjects import Subject


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(lone_folder: Path, network: Network) -> AsyncIterator[Subject]:
    async with lone_worker(lone_folder, network) as worker:
        yield RealSubject(worker, lone_folder / "known_hosts")

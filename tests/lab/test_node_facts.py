"""The bot's facts of a real worker are those of a simulated one in the same state: the stand-ins are true."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.core.containerd.compare import handlers
from bot.core.facts import NodeFacts, node_script, parse_node
from tests.lab.kata.release import lab_release
from tests.lab.kata.states import put
from tests.lab.node import Containerd, Network, Setup, UnitKind, Worker
from tests.lab.node.alone import lone_worker
from tests.lab.programs import Family, Programs
from tests.sandbox.mirror.archive import Entries
from tests.sandbox.nodes import (
    BARE,
    CSM_UNIT,
    HEALTHY,
    PARTIAL,
    UNTUNED,
    WITHOUT_HANDLER,
    WITHOUT_KATA,
    WITHOUT_SHIM,
    Nodes,
    NodeState,
)
from tests.unit.steps.samples import settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPT = node_script(settings())
STATES = {
    "bare": BARE,
    "csm": CSM_UNIT,
    "healthy": HEALTHY,
    "partial": PARTIAL,
    "untuned": UNTUNED,
    "without handler": WITHOUT_HANDLER,
    "without kata": WITHOUT_KATA,
    "without shim": WITHOUT_SHIM,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(lone_folder: Path, network: Network) -> AsyncIterator[Worker]:
    async with lone_worker(lone_folder, network, Containerd) as worker:
        yield worker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def contents() -> Callable[[str], Entries]:
    return lab_release(await Programs().path(Family.KATA_SHIM, "containerd-shim-kata-v2"))


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
async def test_a_real_and_a_simulated_worker_have_the_same_facts(
    worker: Worker, contents: Callable[[str], Entries], tmp_path: Path, state: NodeState
) -> None:
    await worker.reset(Setup(unit=state.unit))
    await put(worker, state, contents)
    async with Nodes(tmp_path / "nodes") as nodes:
        simulated = await nodes.add(worker.name, state)
        expected = parse_node((await simulated.shell(SCRIPT)).encode())
    assert essence(expected) == essence(await facts_of(worker))


@pytest.mark.parametrize(
    ("setup", "version"),
    [
        (Setup(), (1, 6)),
        (Setup(Containerd.V1_7, UnitKind.CSM), (1, 7)),
        (Setup(Containerd.V2), (2, 4)),
        (Setup(Containerd.V2, UnitKind.CSM, schema=3), (2, 4)),
    ],
)
async def test_every_containerd_says_what_it_serves(
    worker: Worker, contents: Callable[[str], Entries], setup: Setup, version: tuple[int, int]
) -> None:
    await worker.reset(setup)
    await put(worker, HEALTHY, contents)
    facts = await facts_of(worker)
    assert facts.unit.version is not None
    assert (version, True, True) == (facts.unit.version[:2], facts.serving, facts.kata_complete)
    served = {"runc", "kata", "kata-qemu"}
    assert (served, served) == (facts.live_handlers, set(handlers(facts.dump.text)))


def essence(facts: NodeFacts) -> Mapping[str, Any]:
    """All that a plan is made from, without what two machines never share."""
    config, unit = facts.kata_config, facts.unit
    return {
        "host": (facts.host.short_name, facts.host.machine),
        "live handlers": facts.live_handlers,
        "configured handlers": sorted(handlers(facts.dump.text)),
        "dump": facts.dump.error,
        "missing": facts.kata_missing,
        "annotations": config.enable_annotations,
        "memory": (config.file_mem_backend, config.backend_directory),
        "kata configuration": (config.present, config.real, config.error),
        "tree": facts.kata_tree,
        "shims": facts.shims,
        "unit": (unit.loaded, unit.active, unit.sub, unit.kill_mode, unit.stop_post, unit.config),
        "serving": facts.serving,
        "file": (facts.config_file.path, facts.config_file.real, facts.config_file.mode, facts.config_file.owner),
        "processes": facts.processes,
        "sockets": facts.sockets,
        "packages": facts.packages,
        "ours": facts.ours,
        "owners": facts.owners,
        "tools": facts.tools.present - {"rpm"},  # a simulated worker has its host's
    }


async def facts_of(worker: Worker) -> NodeFacts:
    return parse_node((await worker.run(SCRIPT)).encode())

"""A real containerd and the lab's shim refuse in the words of the simulated workers, and the rules know them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from bot.adapters.rules_files import load_rules
from bot.core.classify import classify
from bot.core.model import Family
from bot.core.objects import Event, EventSource, Meta, ObjectReference
from tests.lab import programs
from tests.lab.kata.release import lab_release
from tests.lab.kata.states import put
from tests.lab.node import Containerd, Network, Setup, Worker
from tests.lab.node.alone import lone_worker
from tests.sandbox.nodes.refusals import NOT_ENABLED, NOT_EXECUTABLE, NOT_INSTALLED, REFUSALS, XATTR, Refusal
from tests.sandbox.nodes.state import CONFIG, HEALTHY, SHIM, NodeState

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETUPS = (Setup(), Setup(Containerd.V1_7), Setup(Containerd.V2, schema=3))
RULES = load_rules()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SETUPS, ids=lambda setup: setup.containerd)
async def worker(request: pytest.FixtureRequest, lone_folder: Path, network: Network) -> AsyncIterator[Worker]:
    """Its containerd's own file lies beside the one in use."""
    async with lone_worker(lone_folder, network, Containerd) as worker:
        await worker.reset(request.param)
        await worker.run(f"cp {CONFIG} {CONFIG}.own")
        yield worker


@pytest.fixture
def version(worker: Worker, request: pytest.FixtureRequest) -> Containerd:
    found: Setup = request.node.callspec.params["worker"]
    return found.containerd


async def start(worker: Worker, state: NodeState, annotations: Mapping[str, str]) -> tuple[int, str]:
    """Exit code of crictl for a sandbox on the worker in that state, and what containerd said."""
    await worker.run(
        "for pod in $(crictl pods -q); do crictl stopp $pod; crictl rmp $pod; done\n"
        f"rm -rf /opt/kata /var/lib/kata /usr/local/bin/containerd-shim-kata*; cp {CONFIG}.own {CONFIG}\n"
        "systemctl restart containerd; systemctl reset-failed containerd"
    )
    shim = await programs.Programs().path(programs.Family.KATA_SHIM, "containerd-shim-kata-v2")
    await put(worker, state, lab_release(shim))
    metadata = {"name": "job", "namespace": "ims", "uid": "job", "attempt": 0}
    sandbox = {"metadata": metadata, "annotations": dict(annotations), "linux": {}}
    worker.host_path("/root/sandbox.json").write_text(json.dumps(sandbox))
    code, _, said = await worker.try_run("crictl --timeout 60s runp --runtime kata-qemu /root/sandbox.json")
    words = re.search(r'msg=("run pod sandbox: .*")', said)
    return code, json.loads(words[1]).removeprefix("run pod sandbox: ") if words else said


async def test_a_ready_worker_starts_a_sandbox_that_asks_for_everything(worker: Worker) -> None:
    assert (0, "") == await start(worker, HEALTHY, XATTR)
    running = await worker.run("ls -l /proc/[0-9]*/exe 2>/dev/null | grep -o '/opt/kata/.*'")
    assert ["bin/containerd-shim-kata-v2", "bin/qemu-system-x86_64", "libexec/virtiofsd"] == sorted(
        line.removeprefix("/opt/kata/") for line in running.split()
    )


@pytest.mark.parametrize("lacks", [*REFUSALS, "annotation"])
async def test_what_a_worker_lacks_is_said_and_understood(worker: Worker, version: Containerd, lacks: str) -> None:
    refusal, annotations = (NOT_ENABLED, XATTR) if lacks == "annotation" else (REFUSALS[lacks], {})
    code, words = await start(worker, refusal.state, annotations)

    assert 1 == code
    assert refusal.family == understood(words)
    if version is not Containerd.V2:
        assert refusal.words == words
    else:
        assert without_wrapping(refusal) in words


async def test_a_shim_beside_containerd_is_tried_without_its_execute_bit(
    worker: Worker, version: Containerd
) -> None:
    """Debian's containerd lies elsewhere, and finds no program."""
    code, words = await start(worker, NodeState(not_executable=(SHIM,)), {})
    assert 1 == code
    if version is Containerd.V1_6:
        assert (Family.SHIM_MISSING, NOT_INSTALLED) == (understood(words), words)
    else:
        assert Family.SHIM_BROKEN == understood(words)
        assert NOT_EXECUTABLE.removesuffix(": unknown").rpartition(": fork")[2] in words


def without_wrapping(refusal: Refusal) -> str:
    """The inmost cause: containerd 2 names the sandbox before it and adds no code behind."""
    return re.sub(r": (unknown|not found)$", "", refusal.words).rpartition("failed to ")[2].partition(": ")[2]


def understood(words: str) -> Family:
    event = Event(
        metadata=Meta(),
        involved_object=ObjectReference(kind="Pod"),
        source=EventSource(component="kubelet"),
        reason="FailedCreatePodSandBox",
        message=f"Failed to create pod sandbox: {words}",
        type="Warning",
    )
    return classify(event, RULES).family

"""The lab's `crictl` says what the bot and an operator rely on, in the words and the JSON of Kubernetes' own."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.core.facts import runtime
from bot.core.facts.frame import Output
from tests.lab.kata.jobs import JOB_IMAGE
from tests.lab.node import Containerd, Network, Setup, Worker
from tests.lab.node.alone import lone_worker
from tests.lab.node.images import SANDBOX_IMAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")
CRICTL = "crictl --timeout 30s"
"""The machine that the lab shares with others may be slow."""
CONFIG = '{"metadata":{"name":"s","namespace":"imsbot","uid":"u","attempt":1},"log_directory":"/tmp","linux":{}}'


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[Setup(), Setup(Containerd.V1_7), Setup(Containerd.V2, schema=3)],
    ids=lambda setup: setup.containerd,
)
async def worker(request: pytest.FixtureRequest, lone_folder: Path, network: Network) -> AsyncIterator[Worker]:
    async with lone_worker(lone_folder, network, Containerd) as worker:
        await worker.reset(request.param)
        yield worker


async def test_the_bots_question_is_answered(worker: Worker) -> None:
    code, out, err = await worker.try_run(f"f() {{ {runtime.COMMAND}\n}}; f")
    answer = runtime.parse(Output(runtime.NAME, code, out.encode(), err))
    assert runtime.Runtime(crictl=True, ready=True, handlers=frozenset({"runc"}), words="") == answer


async def test_a_sandbox_is_started_listed_inspected_and_removed(worker: Worker) -> None:
    started = (await worker.run(f"echo '{CONFIG}' > /tmp/s.json; {CRICTL} runp /tmp/s.json")).strip()
    listed = json.loads(await worker.run(f"{CRICTL} pods --name '^s$' --namespace imsbot -o json"))["items"]
    assert [(started, "SANDBOX_READY", "")] == [
        (each["id"], each["state"], each["runtimeHandler"]) for each in listed
    ]
    inspected = json.loads(await worker.run(f"{CRICTL} inspectp {started}"))
    assert (started, "runc") == (inspected["status"]["id"], inspected["info"]["runtimeType"].split(".")[2])
    assert "Ready" in await worker.run(f"{CRICTL} pods")
    assert f"Stopped sandbox {started}\n" == await worker.run(f"{CRICTL} stopp {started}")
    assert f"Removed sandbox {started}\n" == await worker.run(f"{CRICTL} rmp {started}")
    assert "" == await worker.run(f"{CRICTL} pods -q")


async def test_images_lie_on_the_worker_without_a_registry(worker: Worker) -> None:
    images = json.loads(await worker.run(f"{CRICTL} images -o json"))["images"]
    assert {SANDBOX_IMAGE, JOB_IMAGE} == {tag for image in images for tag in image["repoTags"]}


async def test_a_handler_that_is_not_there_is_refused_in_containerds_words(worker: Worker) -> None:
    code, out, err = await worker.try_run(f"echo '{CONFIG}' > /tmp/s.json; {CRICTL} runp -r kata-qemu /tmp/s.json")
    assert (1, "") == (code, out)
    first, last = err.splitlines()
    assert '] "RunPodSandbox from runtime service failed" err="rpc error: code = Unknown desc = ' in first
    assert "level=fatal" in last
    assert "run pod sandbox: rpc error: code = Unknown desc = " in last
    assert r"no runtime for \"kata-qemu\" is configured" in err


async def test_nobody_at_the_socket_is_said(worker: Worker) -> None:
    code, _, err = await worker.try_run(f"{CRICTL} --runtime-endpoint unix:///run/nobody.sock --timeout 1s info")
    assert 1 == code
    assert r"validate CRI v1 runtime API for endpoint \"unix:///run/nobody.sock\"" in err


@pytest.mark.parametrize("command", ["frobnicate", "", "runp", "stopp", "pods --state sideways"])
async def test_what_it_does_not_know_it_refuses(worker: Worker, command: str) -> None:
    code, out, err = await worker.try_run(f"{CRICTL} {command}")
    assert (1, "", True) == (code, out, "level=fatal" in err)

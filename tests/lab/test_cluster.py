"""The lab as a whole: who is in it, what a reset forgets, what each identity may do, and that it goes for good."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.adapters.kube.resources import DAEMON_SETS, JOBS, NODES, PODS, Resource
from bot.core.errors import ForbiddenError, RejectedError
from bot.core.objects import Pod
from tests.lab.admin import administrator, until
from tests.lab.cluster import Lab
from tests.lab.host import call, try_call
from tests.lab.kata.jobs import plain_job
from tests.lab.node import Network
from tests.lab.remains import Remains
from tests.sandbox.controllers import IMS_NAMESPACE, KATA_LABEL
from tests.sandbox.controllers.conditions import holds

ROOT = Path(__file__).parents[2]
SECRETS = Resource(Pod, "/api/v1", "secrets")
"""Its objects are never decoded here."""


async def test_every_worker_is_a_ready_node_at_its_own_address(lab: Lab) -> None:
    async with administrator(lab.admin_kubeconfig) as admin:
        nodes = {node["metadata"]["name"]: node["status"] for node in await admin.list(NODES)}
    assert lab.workers.keys() == nodes.keys()
    for name, worker in lab.workers.items():
        assert {"type": "InternalIP", "address": worker.address} in nodes[name]["addresses"]
        assert nodes[name]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.6.")


async def test_a_job_runs_and_a_reset_forgets_it(lab: Lab) -> None:
    async with administrator(lab.admin_kubeconfig) as admin:
        name = str((await admin.create(JOBS, plain_job("ncn-w002"), IMS_NAMESPACE))["metadata"]["name"])
        await admin.patch(NODES, "ncn-w001", {"metadata": {"labels": {KATA_LABEL: "true"}}})

        async def complete() -> bool:
            return holds(await admin.get(JOBS, name, IMS_NAMESPACE), "Complete")

        await until(complete, 60)
        await lab.reset()
        assert ([], []) == (await admin.list(JOBS, IMS_NAMESPACE), await admin.list(PODS, IMS_NAMESPACE))
        assert KATA_LABEL not in (await admin.get(NODES, "ncn-w001"))["metadata"]["labels"]


async def test_the_bot_has_an_identity_of_its_own_that_may_do_no_more_than_it_needs(running_lab: Lab) -> None:
    async with administrator(running_lab.bot_kubeconfig) as bot:
        assert await bot.list(NODES)
        with pytest.raises(ForbiddenError, match="system:serviceaccount:ims-remediation-bot:imsbot"):
            await bot.list(SECRETS, IMS_NAMESPACE)
        with pytest.raises(ForbiddenError):
            await bot.delete(NODES, "ncn-w001")


async def test_a_kubelet_may_speak_for_its_own_node_only(running_lab: Lab) -> None:
    async with administrator(running_lab.plane.node_kubeconfig("ncn-w001")) as kubelet:
        assert await kubelet.get(NODES, "ncn-w001")
        with pytest.raises(RejectedError, match='node "ncn-w001" is not allowed to modify node "ncn-w002"'):
            await kubelet.patch(NODES, "ncn-w002", {"metadata": {"labels": {KATA_LABEL: "true"}}})


async def test_the_kube_adapter_keeps_its_promises_on_a_real_api_server(running_lab: Lab) -> None:
    """The bodies are those that run on the stand-in; what injects faults is left to that."""
    env = {
        **os.environ,
        "IMSBOT_TEST_KUBECONFIG": str(running_lab.admin_kubeconfig),
        "IMSBOT_TEST_BOT_KUBECONFIG": str(running_lab.bot_kubeconfig),
    }
    tests = (sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "tests/adapters/kube")
    code, said, _ = await try_call(*tests, env=env)
    assert 0 == code, said
    async with administrator(running_lab.admin_kubeconfig) as admin:

        async def as_before() -> bool:
            left = await admin.list(DAEMON_SETS, "default") + await admin.list(PODS, "default")
            return not left and running_lab.workers.keys() == {
                n["metadata"]["name"] for n in await admin.list(NODES)
            }

        await until(as_before, 30)


async def test_by_hand_a_lab_comes_up_over_what_is_left_and_nothing_remains_of_it(
    tmp_path: Path, network: Network
) -> None:
    beside = Network((network.number + 8) % 16)
    lab = (sys.executable, "-m", "tests.lab")
    options = ("--number", str(beside.number), "--state", str(tmp_path / "lab"))
    remains = Remains(tmp_path / "lab", beside)
    starter = await asyncio.create_subprocess_exec(*lab, "up", *options, cwd=ROOT)
    try:
        await until(lambda: _any_process(remains), 60)
    finally:
        starter.send_signal(signal.SIGKILL)
        await starter.wait()
    try:
        said = await call(*lab, "up", *options)
        assert f"export KUBECONFIG={tmp_path}/lab/control-plane/admin.kubeconfig" in said
        assert f"root@10.213.{beside.number}.101" in said
        assert said[said.index("export") :] in await call(*lab, "status", *options)
    finally:
        await call(*lab, "down", *options)
    assert [] == remains.found()


async def _any_process(remains: Remains) -> bool:
    return any(line.startswith("process") for line in remains.found())

"""After the repair itself: CSM's watcher reaches containerd again, and IMS hears of a job that is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.api import PODS, KubeObject
from tests.sandbox.controllers import IMS_NAMESPACE, ims_job
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.ims import CLIENT_SECRET, ImsServer
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import CardView, Sandbox, Worker, complaints, find_card, pinned
from tests.sandbox.whole.afterwards import configurations
from tests.sandbox.whole.process import Record

BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}
JOB_ID = "6d1ab5ae-aa2f-4e1f-9a27-c1d5e1d8c2a1"


@pytest.fixture
async def ims() -> AsyncIterator[ImsServer]:
    async with ImsServer() as ims:
        yield ims


@pytest.fixture
async def sandbox(tmp_path: Path, ims: ImsServer) -> AsyncIterator[Sandbox]:
    secret = tmp_path / "client-secret"
    secret.write_text(CLIENT_SECRET)
    section = {"url": ims.url, "token_url": ims.token_url, "client_secret_file": str(secret)}
    async with Sandbox(tmp_path, WORKERS, changes={"ims": section}, watcher=True) as sandbox:
        yield sandbox


async def card(sandbox: Sandbox, wanted: Any, timeout_s: float = 120) -> CardView:
    return await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN)) and wanted(card) and card, timeout_s=timeout_s
    )


def watcher_on(sandbox: Sandbox, node: str) -> KubeObject | None:
    pods = sandbox.registry.list(PODS, "services")
    return next((pod for pod in pods if pod["spec"]["nodeName"] == node and holds(pod, "Ready")), None)


async def holds_dead_socket(sandbox: Sandbox, node: str) -> bool:
    script = r"cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -c 'containerd\.sock//deleted ' || true"
    found = next(each for each in sandbox.nodes if each.name == node)
    return int(await found.shell(script)) > 0


async def test_after_a_restart_the_watcher_of_csm_reaches_containerd_again(
    sandbox: Sandbox, ims: ImsServer
) -> None:
    before = configurations(sandbox)
    first = await sandbox.until(lambda: watcher_on(sandbox, BROKEN), 30)
    await sandbox.bot.start()
    ims.add(JOB_ID, f"cray-ims-{JOB_ID}-create")
    job = sandbox.create_job(pinned(ims_job("create", JOB_ID), BROKEN))

    asked = await card(sandbox, lambda card: card.actions)
    assert "see that sonar-jobs-watcher reaches containerd" in asked.shown
    await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve")
    ended = await card(sandbox, lambda card: card.settled)

    assert "Healed" == ended.state
    second = watcher_on(sandbox, BROKEN)
    assert second is not None
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert not await holds_dead_socket(sandbox, BROKEN)
    assert "creating" == ims.records[JOB_ID]["status"], "a job that runs is nobody's to close"
    await sandbox.until(lambda: sandbox.complete(job), 60)
    assert 0 == await sandbox.bot.stop()
    assert [] == complaints(sandbox, before)


async def test_the_record_of_a_job_that_is_lost_meanwhile_is_set_to_error(
    sandbox: Sandbox, ims: ImsServer
) -> None:
    """It is lost between the cordon and the restart: the node is ours by then, and its containerd still broken."""

    def lose(record: Record) -> None:
        if (record["event"], record.get("step")) == ("StepEnded", "cordon"):
            pod = sandbox.pod_of(job)
            assert pod is not None
            sandbox.registry.delete(PODS, pod["metadata"]["name"], IMS_NAMESPACE)
            lost.append(pod["metadata"]["name"])

    lost: list[str] = []
    before = configurations(sandbox)
    sandbox.bot.on_record = lose
    await sandbox.bot.start()
    ims.add(JOB_ID, f"cray-ims-{JOB_ID}-create")
    job = sandbox.create_job(pinned(ims_job("create", JOB_ID), BROKEN))

    await card(sandbox, lambda card: card.actions)
    await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve")
    ended = await card(sandbox, lambda card: card.settled)

    assert 1 == len(lost)
    assert "Healed" == ended.state
    assert "its owner must submit it again" in ended.shown
    assert "error" == ims.records[JOB_ID]["status"]
    assert CLIENT_SECRET not in (sandbox.folder / "bot.log").read_text()
    assert 0 == await sandbox.bot.stop()
    assert [] == complaints(sandbox, before)

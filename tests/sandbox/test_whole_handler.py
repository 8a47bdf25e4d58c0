"""The main job, end to end: a hanging IMS job is found, asked about, repaired and proven, by the bot as a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import CardView, Sandbox, Worker, complaints, find_card, pinned
from tests.sandbox.whole.afterwards import configurations

BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path, WORKERS) as sandbox:
        yield sandbox


async def asked(sandbox: Sandbox) -> CardView:
    return await sandbox.slack.wait_for(
        lambda slack: (card := find_card(slack, BROKEN)) and card.actions and card, timeout_s=60
    )


async def ended(sandbox: Sandbox) -> CardView:
    return await sandbox.slack.wait_for(
        lambda slack: (card := find_card(slack, BROKEN)) and card.ended and card, timeout_s=90
    )


async def test_an_approved_repair_lets_the_hanging_job_run(sandbox: Sandbox) -> None:
    before = configurations(sandbox)
    await sandbox.bot.start()
    job = sandbox.create_job(pinned(ims_job("create"), BROKEN))

    card = await asked(sandbox)
    assert BROKEN in card.headline
    assert job in card.shown
    await sandbox.slack.click(card.message.ts, "imsbot-approve")
    card = await ended(sandbox)

    assert "Healed" == card.state
    await sandbox.until(lambda: sandbox.complete(job), 30)
    assert await sandbox.bot.stop() == 0
    assert complaints(sandbox, before) == []

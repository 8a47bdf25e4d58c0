"""The main job, end to end: a hanging IMS job is found, asked about and, after an answer, repaired and proven."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.api import Fault
from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.slack import OUTSIDER
from tests.sandbox.whole import CardView, Sandbox, Worker, complaints, find_card, pinned, press
from tests.sandbox.whole.afterwards import configurations, journaled

BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path, WORKERS) as sandbox:
        yield sandbox


async def asked(sandbox: Sandbox) -> CardView:
    return await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN)) and card.actions and card, timeout_s=60
    )


async def settled(sandbox: Sandbox) -> CardView:
    return await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN)) and card.settled and card, timeout_s=120
    )


async def test_an_approved_repair_lets_the_hanging_job_run(sandbox: Sandbox) -> None:
    before = configurations(sandbox)
    await sandbox.bot.start()
    job = sandbox.create_job(pinned(ims_job("create"), BROKEN))

    card = await asked(sandbox)
    assert job in card.shown
    assert "restart containerd" in card.shown
    await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve")
    card = await settled(sandbox)

    assert "Healed" == card.state
    await sandbox.until(lambda: sandbox.complete(job), 60)
    assert before[BROKEN] != configurations(sandbox)[BROKEN]
    assert 0 == await sandbox.bot.stop()
    assert [] == complaints(sandbox, before)


async def test_without_an_approver_s_answer_nothing_changes(sandbox: Sandbox) -> None:
    """The wrong person is told so alone; a denial ends it and stays quiet over a restart."""
    before = configurations(sandbox)
    await sandbox.bot.start()
    job = sandbox.create_job(pinned(ims_job("create"), BROKEN))
    await asked(sandbox)

    await press(sandbox.slack, lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve", user=OUTSIDER)
    await sandbox.see(lambda slack: slack.ephemerals(OUTSIDER), timeout_s=30)
    assert "Waiting for an answer" == (await asked(sandbox)).state
    await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-deny")
    assert "Denied" == (await settled(sandbox)).state

    sandbox.bot.kill()
    await sandbox.bot.ended()
    await sandbox.bot.start()
    card = await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN)) and "stays quiet" in card.shown and card, timeout_s=60
    )
    assert "Denied" == card.state
    assert not sandbox.complete(job)
    assert before == configurations(sandbox)
    assert 0 == await sandbox.bot.stop()
    assert [] == complaints(sandbox, before)


async def test_the_terminal_answers_while_slack_is_down(sandbox: Sandbox) -> None:
    """And a second `run` on the same journal is refused."""
    sandbox.slack.begin_outage()
    await sandbox.bot.start()
    job = sandbox.create_job(pinned(ims_job("create"), BROKEN))
    await sandbox.bot.until(lambda: any(r["event"] == "Planned" for r in sandbox.bot.records), 60)

    code, _, said = await sandbox.bot.command("run")
    assert (1, True) == (code, str(sandbox.folder) in said), (
        "it may be tried again: whoever holds the journal may end"
    )
    code, listed, _ = await sandbox.bot.command("incidents", "--output", "json")
    (incident,) = json.loads(listed)
    assert (0, BROKEN) == (code, incident["target"])
    code, said, _ = await sandbox.bot.command("approve", incident["id"])
    assert (0, "Approved.") == (code, said.strip())
    await sandbox.until(lambda: sandbox.complete(job), 120)

    sandbox.slack.end_outage()
    assert "Healed" == (await settled(sandbox)).state
    (closed,) = journaled(sandbox)
    assert closed.answer is not None
    assert "cli" == closed.answer.actor.via


async def test_a_pod_that_hangs_without_a_word_is_diagnosed(sandbox: Sandbox) -> None:
    """Every Event is lost: the state of the pod alone tells that something is wrong, and no more than that."""
    sandbox.api.faults.strike_next(1_000_000, Fault.UNAVAILABLE, lambda call: call.resource == "events")
    await sandbox.bot.start()
    sandbox.create_job(pinned(ims_job("create"), BROKEN))

    card = await settled(sandbox)

    assert "Diagnosed, not repaired" == card.state
    assert () == card.actions
    assert "without a sandbox" in card.shown

"""Mode `observe`, end to end: the real bot says what it would do, takes no answer, and asks once it may."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.sandbox.api import Call
from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import CardView, Sandbox, Worker, complaints, find_card, pinned
from tests.sandbox.whole.access import BOT
from tests.sandbox.whole.afterwards import configurations, journaled

BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}


async def settled(sandbox: Sandbox, since: str = "") -> CardView:
    return await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN, since=since)) and card.settled and card, timeout_s=120
    )


def set_mode(sandbox: Sandbox, mode: str) -> None:
    """As an administrator does it: in the file, then the bot is started again."""
    document = yaml.safe_load(sandbox.bot.config.read_text())
    sandbox.bot.config.write_text(yaml.safe_dump({**document, "mode": mode}))


def changes(sandbox: Sandbox) -> list[Call]:
    """What the bot changed through the API; what a dry run asks changes nothing."""
    reading = {"get", "list", "watch"}
    calls = [call for call in sandbox.api.calls if call.user == BOT.name and call.verb not in reading]
    return [call for call in calls if "dryRun" not in call.query]


async def test_it_only_says_what_it_would_do_until_the_mode_is_approve(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, WORKERS, changes={"mode": "observe"}) as sandbox:
        before = configurations(sandbox)
        await sandbox.bot.start()
        job = sandbox.create_job(pinned(ims_job("create"), BROKEN))
        card = await settled(sandbox)

        assert "Only observed" == card.state
        assert () == card.actions
        assert "What it would do" in card.shown
        assert "restart containerd" in card.shown
        (observed,) = journaled(sandbox)
        code, _, said = await sandbox.bot.command("approve", observed.id)
        assert (1, True) == (code, "the configuration says mode: observe" in said)
        code, listed, _ = await sandbox.bot.command("incidents", "--all", "--output", "json")
        assert (0, ["the configuration says mode: observe"]) == (code, json.loads(listed)[0]["observed"])
        assert not sandbox.complete(job)
        assert before == configurations(sandbox)
        assert [] == changes(sandbox)
        assert 0 == await sandbox.bot.stop()

        set_mode(sandbox, "approve")
        await sandbox.bot.start()
        await sandbox.answer(
            lambda: find_card(sandbox.slack, BROKEN, since=card.message.ts),
            "imsbot-approve",
        )
        assert "Healed" == (await settled(sandbox, since=card.message.ts)).state
        await sandbox.until(lambda: sandbox.complete(job), 60)
        assert 0 == await sandbox.bot.stop()
        assert [] == complaints(sandbox, before)

"""The brake, end to end: pulled in the middle of a repair, at the terminal and by a ConfigMap, over a kill."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bot.adapters.control import Peer
from bot.core.action import SetCordon
from tests.sandbox.api import CONFIGMAPS
from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import CardView, Sandbox, Worker, complaints, find_card, pinned
from tests.sandbox.whole.access import LEASE_NAMESPACE
from tests.sandbox.whole.afterwards import configurations, journaled

ME = Peer(os.getpid(), os.getuid()).name
BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}


async def shown(sandbox: Sandbox, *words: str) -> CardView:
    return await sandbox.see(
        lambda slack: (card := find_card(slack, BROKEN)) and all(w in card.shown for w in words) and card,
        timeout_s=120,
    )


async def command(sandbox: Sandbox, *arguments: str, ends: int = 0) -> str:
    code, out, err = await sandbox.bot.command(*arguments)
    assert ends == code, out + err
    return out or err


async def open_incident(sandbox: Sandbox) -> dict[str, Any]:
    (incident,) = json.loads(await command(sandbox, "incidents", "--output", "json"))
    return dict(incident)


def set_key(sandbox: Sandbox, value: str | None) -> None:
    """As `kubectl patch configmap imsbot --type merge` does it."""
    sandbox.registry.patch(CONFIGMAPS, "imsbot", {"data": {"pause": value}}, LEASE_NAMESPACE)


def acts(sandbox: Sandbox) -> list[str]:
    (incident,) = journaled(sandbox)
    return [act.key for step in incident.steps for act in step.acts]


async def test_a_repair_stands_still_while_paused_and_ends_well_after_it(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, WORKERS, changes={"pause": {"read_s": 1}}) as sandbox:
        before = configurations(sandbox)
        sandbox.registry.create(CONFIGMAPS, {"metadata": {"name": "imsbot"}}, LEASE_NAMESPACE)
        sandbox.bot.on_record = lambda record: (
            set_key(sandbox, "upgrade of CSM")
            if (record["event"], record.get("step")) == ("StepEnded", "cordon")
            else None
        )
        await sandbox.bot.start()
        job = sandbox.create_job(pinned(ims_job("create"), BROKEN))
        await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve")

        card = await shown(sandbox, "paused by the ConfigMap", "upgrade of CSM", "stands still since")
        assert card.state.startswith("Paused at step")
        done = acts(sandbox)
        assert [SetCordon.__struct_config__.tag] == done

        sandbox.bot.kill()
        await sandbox.bot.ended()
        assert "Paused: " in await command(sandbox, "pause", "--reason", "let me look first")
        await sandbox.bot.start()
        set_key(sandbox, None)
        await shown(sandbox, f"paused by {ME}", "let me look first")
        await sandbox.bot.until(lambda: any(r["event"] == "Resumed" for r in sandbox.bot.records), 30)
        assert [f"paused by {ME}: let me look first"] == (await open_incident(sandbox))["paused"]
        listed = await command(sandbox, "incidents")
        assert f"The bot is paused by {ME}: let me look first" in listed
        assert done == acts(sandbox)
        assert before == configurations(sandbox)

        assert "Resumed" in await command(sandbox, "resume")
        card = await sandbox.see(
            lambda slack: (card := find_card(slack, BROKEN)) and card.settled and card, timeout_s=150
        )
        assert "Healed" == card.state
        await sandbox.until(lambda: sandbox.complete(job), 60)
        assert "was not paused" in await command(sandbox, "resume", ends=1)
        assert 0 == await sandbox.bot.stop()
        assert [] == complaints(sandbox, before)

"""Sweeps end to end: over real SSH and the API, by hand without a bot, and by the bot with its digest card."""

from __future__ import annotations

import json
from pathlib import Path

from bot.core.objects import KATA_LABEL
from bot.views.card import APPROVE
from bot.views.digest_card import PICK
from tests.sandbox.api import NODES
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.slack import OUTSIDER
from tests.sandbox.whole import Sandbox, Worker, cards, find_card, press

BROKEN = "ncn-w001"
WORKERS = {
    BROKEN: Worker(WITHOUT_HANDLER),
    "ncn-w002": Worker(),
    "ncn-w003": Worker(),
    "ncn-w004": Worker(kata_label=False),
}


async def test_a_sweep_by_hand_needs_no_bot_and_its_exit_code_tells_drift(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, WORKERS) as sandbox:
        code, out, err = await sandbox.bot.command("sweep", "-o", "json")
        assert (3, "") == (code, err)
        rows = {row["name"]: row for row in json.loads(out)}
        assert ["ncn-w001", "kata-qemu", "ncn-w002", "ncn-w003"] == list(rows), "w004 is not expected to run Kata"
        assert ["handler-not-loaded"] == [drift["kind"] for drift in rows[BROKEN]["drifts"]]
        assert {"fine"} == {row["state"] for name, row in rows.items() if name != BROKEN}
        code, out, _ = await sandbox.bot.command("sweep", "ncn-w002")
        assert 0 == code
        assert "1 expected node, 0 with drift" in out
        code, _, err = await sandbox.bot.command("sweep", "ncn-w004")
        assert 2 == code
        assert "ncn-w004: not expected to run Kata" in err
        sandbox.nodes["ncn-w003"].sshd.freeze()
        code, out, _ = await sandbox.bot.command("sweep", "ncn-w002", "ncn-w003")
        assert 1 == code
        assert "not readable" in out


async def test_the_bot_tells_drift_on_a_digest_and_repairs_what_is_picked_there(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, WORKERS) as sandbox:
        bot, slack = sandbox.bot, sandbox.slack
        await bot.start()
        code, out, _ = await bot.command("sweep", "--post")
        assert (0, True) == (code, "A sweep begins" in out)
        digest = await sandbox.see(lambda s: find_card(s, "Sweep", "1 target drifted"), timeout_s=60)
        assert (PICK,) == digest.actions
        assert [digest.subject] == [card.subject for card in cards(slack)], "nobody is asked"
        await press(slack, lambda: find_card(slack, "Sweep"), PICK, user=OUTSIDER)
        assert await sandbox.see(lambda s: s.ephemerals(OUTSIDER), timeout_s=60)
        bot.kill()
        await bot.ended()
        await bot.start()
        await sandbox.answer(lambda: find_card(slack, "Sweep"), PICK)
        asked = await sandbox.see(
            lambda s: (card := find_card(s, BROKEN)) and APPROVE in card.actions and card, timeout_s=60
        )
        assert "handler not loaded" in asked.headline
        await sandbox.answer(lambda: find_card(slack, BROKEN), APPROVE)
        await sandbox.see(lambda s: (card := find_card(s, BROKEN)) and card.ended and card, timeout_s=120)
        told = await sandbox.see(lambda s: (card := find_card(s, "Sweep")) and "healed" in card.shown, 30)
        assert told
        assert 2 == len(cards(slack)), "one digest, also over a restart, and the incident's card"
        assert "0 with drift" in (await bot.command("sweep"))[1]


async def test_a_node_that_lost_its_label_stays_expected_until_it_is_forgotten(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, {name: Worker() for name in ("ncn-w001", "ncn-w002", "ncn-w003")}) as sandbox:
        await sandbox.bot.start()
        await sandbox.bot.command("sweep", "--post")
        await sandbox.bot.until(lambda: any(r["event"] == "sweep ended" for r in sandbox.bot.records), 60)
        sandbox.registry.patch(NODES, "ncn-w002", {"metadata": {"labels": {KATA_LABEL: None}}})
        code, out, _ = await sandbox.bot.command("sweep", "ncn-w002")
        assert (3, True) == (code, "label lost" in out)
        code, out, _ = await sandbox.bot.command("forget", "ncn-w002")
        assert (0, True) == (code, out.startswith("Forgotten: ncn-w002"))
        code, out, _ = await sandbox.bot.command("sweep")
        assert (0, True) == (code, "2 expected nodes, 0 with drift" in out)
        code, _, err = await sandbox.bot.command("forget", "ncn-w009")
        assert (1, True) == (code, "those that were: ncn-w001, ncn-w003" in err)

"""Sweeps end to end: over real SSH and the API, by hand without a bot."""

from __future__ import annotations

import json
from pathlib import Path

from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import Sandbox, Worker

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
        assert "1 expected nodes, 0 with drift" in out
        code, _, err = await sandbox.bot.command("sweep", "ncn-w004")
        assert 2 == code
        assert "ncn-w004: not expected to run Kata" in err
        sandbox.nodes["ncn-w003"].sshd.freeze()
        code, out, _ = await sandbox.bot.command("sweep", "ncn-w002", "ncn-w003")
        assert 1 == code
        assert "not readable" in out

"""The whole of it on a worker: units under a service manager, cut sessions, nodes that reboot.

The worker is simulated here, and one of the lab there (`tests/subjects`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.adapters.ssh.nodes import SshNodes
from bot.adapters.ssh.shell import SshShell
from bot.core.action import Outcome, OutcomeKind
from bot.core.errors import HostKeyError
from bot.core.model import NodeRef
from tests.adapters.ssh.conftest import unresolvable
from tests.adapters.ssh.paused import command
from tests.subjects import Subject, simulated

UNIT = "imsbot-abcdefgh-1-do"
STATE = "/var/lib/imsbot"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Subject]:
    async with simulated(tmp_path) as worker:
        yield worker


@asynccontextmanager
async def shell_of(worker: Subject) -> AsyncIterator[SshShell]:
    async with SshNodes(worker.ssh(), unresolvable).shell(NodeRef(worker.name, "uid")) as shell:
        yield shell


async def test_a_command_runs_as_a_unit_of_its_name_and_its_end_is_kept(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(3, "one")
        await shell.start(UNIT, command("sh", "-c", "cat; hostname; exit 7", stdin="hello\n"), epoch)
        assert await shell.collect(UNIT, 30) == Outcome(OutcomeKind.FAILED, 7, f"hello\n{worker.name}")
        assert await shell.running_units() == ()
    assert (await worker.shell(f"stat -c '%U %a' {STATE}")).strip() == "root 700"


async def test_a_command_outlives_its_session_and_runs_once(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(0, "one")
        script = command("sh", "-c", "echo x >> /root/count; until [ -e /root/go ]; do sleep 0.1; done; echo end")
        await shell.start(UNIT, script, epoch)
        collecting = asyncio.create_task(shell.collect(UNIT, 60))
        for _ in range(2):
            await asyncio.sleep(0.5)
            await worker.cut()
        assert UNIT in await shell.running_units()
        await shell.start(UNIT, script, epoch)
        await worker.shell("touch /root/go")
        assert await collecting == Outcome(OutcomeKind.OK, 0, "end")
    assert await worker.shell("cat /root/count") == "x\n"


async def test_another_bot_finds_the_command_of_one_that_was_killed(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("sh", "-c", "until [ -e /root/go ]; do sleep 0.1; done; echo end"), epoch)
    async with shell_of(worker) as shell:
        assert await shell.mint_epoch(0, "two") == epoch + 1
        assert await shell.running_units() == (UNIT,)
        await worker.shell("touch /root/go")
        assert await shell.collect(UNIT, 30) == Outcome(OutcomeKind.OK, 0, "end")


async def test_what_a_command_leaves_behind_ends_before_its_end_is_told(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("sh", "-c", "setsid sleep 300 > /dev/null 2>&1 & echo done"), epoch)
        assert await shell.collect(UNIT, 30) == Outcome(OutcomeKind.OK, 0, "done")
    assert await sleepers(worker) == 0


async def test_the_bound_holds_though_nobody_looks(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("sh", "-c", "sleep 300; touch /root/late", timeout_s=1), epoch)
    await worker.shell(
        "for i in $(seq 150); do pgrep -f ^sleep.300 > /dev/null || exit 0; sleep 0.1; done; exit 1"
    )
    async with shell_of(worker) as shell:
        assert await shell.collect(UNIT, 30) == Outcome(
            OutcomeKind.TIMEOUT, None, "ended after its time bound of 1 s"
        )


async def test_a_command_that_a_reboot_interrupts_is_unknown_and_stays_so(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("sh", "-c", "echo x >> /root/count; sleep 300"), epoch)
        await worker.shell("until [ -s /root/count ]; do sleep 0.1; done")
        collecting = asyncio.create_task(shell.collect(UNIT, 60))
        await worker.reboot()
        outcome = await collecting
        assert outcome == Outcome(OutcomeKind.UNKNOWN, None, "the node rebooted while it ran")
        await shell.start(UNIT, command("sh", "-c", "echo y >> /root/count"), epoch)
        again = await shell.collect(UNIT, 30)
        assert again == outcome
        assert await shell.mint_epoch(0, "two") == epoch + 1
    assert await worker.shell("cat /root/count") == "x\n"


async def test_a_node_that_was_rebuilt_must_be_pinned_again(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        await shell.read("true")
        await worker.change_host_key()
        await worker.cut()
        with pytest.raises(HostKeyError, match="the host key is not the one pinned"):
            await shell.read("true")
        worker.pin()
        assert await shell.read("hostname") == f"{worker.name}\n".encode()


async def sleepers(worker: Subject) -> int:
    return int(await worker.shell("pgrep -c -f ^sleep.300 || true"))

"""The epoch of a node: minted under its lock, never twice, and without it nothing runs."""

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from bot.core.action import OutcomeKind
from bot.core.errors import PermanentError, TemporaryError
from tests.adapters.ssh.paused import command, paused_node

UNIT = "imsbot-abcdefgh-1-do"


async def test_epochs_rise_above_the_lease_and_above_the_node(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        minted = [await shell.mint_epoch(at_least, "one") for at_least in (0, 7, 3)]
        assert minted == [1, 8, 9]


async def test_epochs_minted_at_the_same_time_differ(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        minted = await asyncio.gather(*(shell.mint_epoch(0, f"holder {i}") for i in range(5)))
        assert sorted(minted) == [1, 2, 3, 4, 5]


async def test_what_a_node_keeps_of_us_is_root_s_alone(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("true"), 1)
        modes = {path: path.stat().st_mode & 0o777 for path in (node.state, *node.state.rglob("*"))}
        assert {path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()


@pytest.mark.parametrize("content", [b"", b"7", b'{"epoch": "x", "format": 1}', b'{"epoch": 7}', b"\xff\xfe"])
async def test_a_damaged_epoch_is_an_error_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        await shell.mint_epoch(0, "one")
        (node.state / "epoch").write_bytes(content)
        with pytest.raises(PermanentError, match=r"ncn-w001: .*/epoch: damaged"):
            await shell.mint_epoch(0, "two")
        assert (node.state / "epoch").read_bytes() == content


async def test_a_command_of_an_older_holder_is_refused_and_says_by_whom(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        await shell.mint_epoch(0, "one")
        await shell.mint_epoch(0, "two")
        await shell.start(UNIT, command("true"), 1)
        outcome = await shell.collect(UNIT, 10)
        assert outcome is not None
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.output == "refused: this command carries epoch 1, but the node has seen 2 of two"
        assert node.handed_over() == []


@pytest.mark.parametrize("content", [None, b"torn", b'{"epoch": 0, "holder": "x", "format": 1}'])
async def test_a_node_that_lost_its_epoch_runs_nothing(tmp_path: Path, content: bytes | None) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        (node.state / "epoch").unlink()
        if content is not None:
            (node.state / "epoch").write_bytes(content)
        await shell.start(UNIT, command("true"), epoch)
        outcome = await shell.collect(UNIT, 10)
        assert outcome is not None
        assert outcome.kind is OutcomeKind.REFUSED
        assert node.handed_over() == []


async def test_a_command_that_waited_while_another_took_over_is_refused_when_it_would_begin(
    tmp_path: Path,
) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        done = tmp_path / "done"
        await shell.start(UNIT, command("touch", str(done)), epoch)
        await shell.mint_epoch(0, "two")
        await node.run_unit(UNIT)
        outcome = await shell.collect(UNIT, 10)
        assert outcome is not None
        assert outcome.kind is OutcomeKind.REFUSED
        assert not done.exists()


async def test_a_state_directory_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        node.state.symlink_to(elsewhere)
        with pytest.raises(PermanentError, match=r"state: must be a directory of root's own"):
            await shell.mint_epoch(0, "one")
        assert list(elsewhere.iterdir()) == []


async def test_a_state_directory_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        node.state.mkdir()
        node.state.chmod(0o777)
        with pytest.raises(PermanentError, match="with mode 777; others could forge our records"):
            await shell.mint_epoch(0, "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_a_state_directory_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        node.state.mkdir()
        os.chown(node.state, 12345, 12345)
        with pytest.raises(PermanentError, match="belongs to uid 12345"):
            await shell.mint_epoch(0, "one")


async def test_a_lock_that_stays_held_is_a_temporary_error_within_the_bound(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell(command_timeout_s=1) as shell:
        await shell.mint_epoch(0, "one")
        with (node.state / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(TemporaryError, match="ended by its own time bound"):
                await shell.mint_epoch(0, "two")
        assert await shell.mint_epoch(0, "three") == 2

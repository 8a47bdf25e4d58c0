"""Every failure of a connection is counted once, under the kind that tells what to do about it."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from bot.adapters.ssh.failures import Failure
from bot.adapters.ssh.nodes import SshNodes
from bot.core.errors import BotError
from tests.adapters.ssh.conftest import NODE, nodes_of
from tests.adapters.ssh.sshd import Sshd
from tests.loopback import free_port
from tests.waiting import eventually


async def fail(nodes: SshNodes, script: str = "true") -> list[Failure]:
    with pytest.raises(BotError):
        async with nodes.shell(NODE) as shell:
            await shell.read(script)
    return list(nodes.failures.elements())


async def test_what_works_counts_nothing(sshd: Sshd) -> None:
    nodes = nodes_of(sshd.settings(NODE.name))
    async with nodes.shell(NODE) as shell:
        await shell.read("true")
    assert dict.fromkeys(Failure, 0) == nodes.failures


async def test_nobody_listening(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name, addresses={NODE.name: f"127.0.0.1:{free_port()}"})
    assert [Failure.UNREACHABLE] == await fail(nodes_of(settings))


async def test_changed_host_key(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    await sshd.stop()
    sshd.host_key = asyncssh.generate_private_key("ssh-ed25519")
    await sshd.start()
    assert [Failure.HOST_KEY] == await fail(nodes_of(settings))


async def test_key_that_is_not_let_in(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.client_key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    assert [Failure.REFUSED] == await fail(nodes_of(settings))


async def test_connection_that_was_cut(sshd: Sshd, tmp_path: Path) -> None:
    count = tmp_path / "count"
    nodes = nodes_of(sshd.settings(NODE.name))
    async with nodes.shell(NODE) as shell:
        line = f"echo x >> {count}; [ $(wc -l < {count}) -gt 1 ] || sleep 30"
        reading = asyncio.create_task(shell.read(line))
        await eventually(count.exists)
        sshd.cut()
        await reading
    assert [Failure.LOST] == list(nodes.failures.elements())


async def test_too_much_output_is_no_failure_of_the_connection(sshd: Sshd) -> None:
    assert [] == await fail(nodes_of(sshd.settings(NODE.name)), "head -c 99999999 /dev/zero")

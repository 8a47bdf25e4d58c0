"""One connection per node: bounded in every wait, opened again after it was lost, gone when nobody uses it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from bot.adapters.ssh.connection import Connection
from bot.adapters.ssh.failures import no_failures
from bot.adapters.ssh.nodes import SshNodes, parse_address
from bot.adapters.ssh.trust import Address
from bot.core.errors import InputError, NotFoundError, PermanentError, UnreachableError
from bot.core.model import NodeRef
from tests.adapters.ssh.conftest import NODE, nodes_of
from tests.adapters.ssh.sshd import Sshd, public
from tests.loopback import free_port
from tests.waiting import eventually


async def test_two_users_of_a_node_share_one_connection(sshd: Sshd) -> None:
    nodes = nodes_of(sshd.settings(NODE.name))
    async with nodes.shell(NODE) as one, nodes.shell(NODE) as other:
        await asyncio.gather(one.read("true"), other.read("true"), one.read("true"))
        assert accepted(sshd) == 1


async def test_the_connection_ends_with_its_last_user(sshd: Sshd) -> None:
    nodes = nodes_of(sshd.settings(NODE.name))
    async with nodes.shell(NODE) as outer:
        async with nodes.shell(NODE) as inner:
            await inner.read("true")
        assert await outer.read("echo open") == b"open\n"
        assert accepted(sshd) == 1
    await no_sessions(sshd)


async def test_entering_does_not_connect(sshd: Sshd) -> None:
    async with nodes_of(sshd.settings(NODE.name)).shell(NODE):
        assert accepted(sshd) == 0


async def test_a_connection_that_was_cut_between_two_questions_is_opened_again(sshd: Sshd) -> None:
    async with nodes_of(sshd.settings(NODE.name)).shell(NODE) as shell:
        await shell.read("true")
        assert sshd.cut() == 1
        assert await shell.read("echo again") == b"again\n"


async def test_a_connection_that_is_cut_under_a_question_is_asked_once_more(sshd: Sshd, tmp_path: Path) -> None:
    count = tmp_path / "count"
    async with nodes_of(sshd.settings(NODE.name)).shell(NODE) as shell:
        reading = asyncio.create_task(
            shell.read(f"echo x >> {count}; [ $(wc -l < {count}) -gt 1 ] || sleep 30; echo done")
        )
        await eventually(count.exists)
        sshd.cut()
        assert await reading == b"done\n"


async def test_a_connection_that_is_cut_again_and_again_is_given_up(sshd: Sshd, tmp_path: Path) -> None:
    count = tmp_path / "count"
    async with nodes_of(sshd.settings(NODE.name)).shell(NODE) as shell:
        reading = asyncio.create_task(shell.read(f"echo x >> {count}; sleep 20"))
        for lines in (1, 2):
            await eventually(lambda lines=lines: count.exists() and count.read_text().count("x") == lines)
            sshd.cut()
        with pytest.raises(UnreachableError, match="ncn-w001: the SSH connection was lost"):
            await reading


async def test_nobody_listening_is_said_at_once(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name, addresses={NODE.name: f"127.0.0.1:{free_port()}"})
    with pytest.raises(UnreachableError, match=r"ncn-w001 \(127\.0\.0\.1:\d+\): cannot connect: .*refused"):
        async with nodes_of(settings).shell(NODE) as shell:
            await shell.read("true")


async def test_a_server_that_accepts_and_says_nothing_is_given_up(sshd: Sshd) -> None:
    async with mute_server() as port:
        settings = sshd.settings(NODE.name, addresses={NODE.name: f"127.0.0.1:{port}"}, connect_timeout_s=0.3)
        began = time.monotonic()
        with pytest.raises(UnreachableError, match=r"no SSH connection within 0\.3 s"):
            async with nodes_of(settings).shell(NODE) as shell:
                await shell.read("true")
        assert time.monotonic() - began < 3


async def test_a_server_that_freezes_after_the_login_is_noticed_by_its_keepalives(sshd: Sshd) -> None:
    frozen = asyncio.Event()
    async with freezing_server(sshd, frozen) as port:
        settings = sshd.settings(
            NODE.name, addresses={NODE.name: f"127.0.0.1:{port}"}, keepalive_s=0.1, connect_timeout_s=1
        )
        async with nodes_of(settings).shell(NODE) as shell:
            await shell.read("true")
            frozen.set()
            began = time.monotonic()
            with pytest.raises(UnreachableError):
                await shell.read("true")
            assert time.monotonic() - began < 5


async def test_a_command_that_never_answers_is_ended_by_the_outer_deadline(sshd: Sshd) -> None:
    async with silent_server(sshd) as port:

        async def here() -> Address:
            return Address("127.0.0.1", port)

        connection = Connection(NODE.name, sshd.settings(NODE.name), here, asyncio.Semaphore(), no_failures())
        with pytest.raises(UnreachableError, match=r"no answer over SSH within 0\.3 s"):
            await connection.run("true", b"", deadline_s=0.3, max_bytes=10)
        await connection.close()


async def test_what_is_not_ssh_is_given_up_within_the_bound(sshd: Sshd) -> None:
    async with chatty_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        settings = sshd.settings(NODE.name, addresses={NODE.name: f"127.0.0.1:{port}"}, connect_timeout_s=0.5)
        with pytest.raises(UnreachableError, match="ncn-w001"):
            async with nodes_of(settings).shell(NODE) as shell:
                await shell.read("true")


async def test_twenty_nodes_come_in_through_a_narrow_door(tmp_path: Path) -> None:
    server = Sshd(tmp_path / "sshd", options=("MaxStartups 2:100:2",))
    await server.start()
    try:
        names = [f"ncn-w{i:03}" for i in range(20)]
        settings = server.settings(
            NODE.name, addresses=dict.fromkeys(names, server.address), connect_timeout_s=60, max_connects=6
        )
        settings.known_hosts.write_text("".join(f"{name} {public(server.host_key)}\n" for name in names))
        nodes = nodes_of(settings)

        async def greet(name: str) -> bytes:
            async with nodes.shell(NodeRef(name, name)) as shell:
                return await shell.read(f"echo {name}")

        answers = await asyncio.gather(*(greet(name) for name in names))
        assert [f"{name}\n".encode() for name in names] == answers
    finally:
        await server.stop()


async def test_a_refusal_that_does_not_pass_is_bounded_by_the_connect_timeout(sshd: Sshd) -> None:
    async with chatty_server(b"Exceeded MaxStartups\r\n") as port:
        settings = sshd.settings(NODE.name, addresses={NODE.name: f"127.0.0.1:{port}"}, connect_timeout_s=1)
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            async with nodes_of(settings).shell(NODE) as shell:
                await shell.read("true")
        assert time.monotonic() - began < 4


async def test_a_node_without_a_configured_address_is_resolved_with_the_common_port(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name, addresses={}, port=sshd.port)

    async def internal_ip(node: NodeRef) -> str:
        assert node == NODE
        return "127.0.0.1"

    async with SshNodes(settings, internal_ip).shell(NODE) as shell:
        assert await shell.read("echo in") == b"in\n"


async def test_a_node_that_cannot_be_resolved_says_why(sshd: Sshd) -> None:
    async def gone(node: NodeRef) -> str:
        raise NotFoundError(f"nodes {node.name} not found")

    async with SshNodes(sshd.settings(NODE.name, addresses={}), gone).shell(NODE) as shell:
        with pytest.raises(NotFoundError, match="nodes ncn-w001 not found"):
            await shell.read("true")


async def test_a_node_without_python_says_what_it_needs(tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "timeout").symlink_to("/usr/bin/timeout")
    server = Sshd(tmp_path / "sshd", options=(f"SetEnv PATH={empty}",))
    await server.start()
    try:
        async with nodes_of(server.settings(NODE.name)).shell(NODE) as shell:
            with pytest.raises(PermanentError, match=r"ncn-w001: .* cannot be run \(python3"):
                await shell.mint_epoch(1, "holder")
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", Address("10.1.2.3", 22)),
        ("10.1.2.3:2222", Address("10.1.2.3", 2222)),
        ("ncn-w001.nmn", Address("ncn-w001.nmn", 22)),
        ("fd00::1", Address("fd00::1", 22)),
        ("[fd00::1]:2222", Address("fd00::1", 2222)),
        ("[fd00::1]", Address("fd00::1", 22)),
    ],
)
def test_addresses_are_read_with_and_without_a_port(text: str, address: Address) -> None:
    assert parse_address(text, 22, "ssh.addresses.x") == address


@pytest.mark.parametrize("text", ["", ":22", "host:", "host:ssh", "host:0", "host:70000", "[fd00::1]x", "[]:22"])
def test_what_is_no_address_names_its_key(text: str) -> None:
    with pytest.raises(InputError, match=r"ssh\.addresses\.ncn-w001"):
        parse_address(text, 22, "ssh.addresses.ncn-w001")


def accepted(sshd: Sshd) -> int:
    """Connections so far that logged in, by the server's own log."""
    return (sshd.directory / "sshd.log").read_text().count("Accepted publickey")


async def no_sessions(sshd: Sshd) -> None:
    await eventually(lambda: sshd.cut() == 0)


def mute_server() -> AbstractAsyncContextManager[int]:
    """Accepts, and never says a word."""
    return chatty_server(b"")


@asynccontextmanager
async def chatty_server(words: bytes) -> AsyncIterator[int]:
    """Says some words; hangs up when there were any."""
    over = asyncio.Event()

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        if not words:
            await over.wait()
        writer.close()

    async with serving(talk, over) as port:
        yield port


@asynccontextmanager
async def freezing_server(sshd: Sshd, frozen: asyncio.Event) -> AsyncIterator[int]:
    """A wire to the real server that goes dead when told to, without closing."""
    over = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", sshd.port)
        pumps = [asyncio.create_task(pump(reader, to_server)), asyncio.create_task(pump(from_server, writer))]
        await frozen.wait()
        for task in pumps:
            task.cancel()
        await over.wait()
        writer.close()
        to_server.close()

    async with serving(relay, over) as port:
        yield port


@asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], over: asyncio.Event
) -> AsyncIterator[int]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)


@asynccontextmanager
async def silent_server(sshd: Sshd) -> AsyncIterator[int]:
    """Lets everybody with the key in, takes a command, and never answers it."""
    over = asyncio.Event()

    async def never(process: asyncssh.SSHServerProcess[str]) -> None:
        await over.wait()
        process.exit(0)

    server = await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        0,
        server_host_keys=[sshd.host_key],
        authorized_client_keys=str(sshd.directory / "authorized_keys"),
        process_factory=never,
    )
    try:
        yield server.get_port()
    finally:
        over.set()
        server.close()
        await server.wait_closed()

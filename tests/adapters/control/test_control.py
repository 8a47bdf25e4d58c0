"""The control socket: only its owner reaches it, the kernel names the peer, and bad requests are answered."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from bot.adapters.control import Peer, Request, Response, ask, listen, socket_path
from bot.core.errors import InputError, PermanentError, UnreachableError


async def echo(request: Request, peer: Peer) -> Response:
    return Response(ok=True, text=f"{request.command} {request.subject} by {peer.uid}/{peer.pid}")


async def test_a_request_reaches_the_bot_with_the_peer_that_the_kernel_names(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    async with listen(journal, echo):
        response = await ask(journal, Request("approve", "abcdefgh"))
    assert f"approve abcdefgh by {os.getuid()}/{os.getpid()}" == response.text


async def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    async with listen(journal, echo):
        assert 0o600 == stat.S_IMODE(socket_path(journal).stat().st_mode)


async def test_no_bot_running_is_one_clear_line(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    with pytest.raises(InputError, match="no bot is running"):
        await ask(journal, Request("deny", "abcdefgh"))


async def test_the_socket_of_a_killed_bot_is_no_running_bot_and_does_not_hinder_the_next(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    left = await asyncio.start_unix_server(lambda _r, _w: None, path=socket_path(journal))
    left.close()
    assert socket_path(journal).exists()
    with pytest.raises(InputError, match="no bot is running"):
        await ask(journal, Request("deny", "abcdefgh"))
    async with listen(journal, echo):
        assert (await ask(journal, Request("deny", "abcdefgh"))).ok


async def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    socket_path(journal).write_text("precious")
    with pytest.raises(PermanentError, match="is no socket"):
        async with listen(journal, echo):
            pass
    assert "precious" == socket_path(journal).read_text()


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"not json\n", b'{"command":"approve"}\n', b'{"command":1,"subject":"x"}\n']
)
async def test_a_request_that_is_none_is_answered_and_changes_nothing(tmp_path: Path, line: bytes) -> None:
    journal = tmp_path / "journal.sqlite"
    asked: list[Request] = []

    async def note(request: Request, peer: Peer) -> Response:
        asked.append(request)
        return await echo(request, peer)

    async with listen(journal, note):
        reader, writer = await asyncio.open_unix_connection(socket_path(journal))
        writer.write(line)
        writer.write_eof()
        answer = await reader.readline()
        writer.close()
    assert b'"ok":false' in answer
    assert [] == asked


async def test_a_line_without_end_does_not_take_the_socket_down(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    async with listen(journal, echo):
        _, writer = await asyncio.open_unix_connection(socket_path(journal))
        writer.write(b"x" * (1 << 20))
        assert (await ask(journal, Request("deny", "abcdefgh"))).ok
        writer.close()


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    ("request_", "look"),
    [
        (Request("approve", "abcdefgh"), "`imsbot show abcdefgh` says"),
        (Request("repair", "ncn-w001"), "`imsbot incidents` says"),
    ],
)
async def test_a_bot_that_ends_before_it_answers_is_no_fault_of_the_output(
    tmp_path: Path, reset: bool, request_: Request, look: str
) -> None:
    """Killed with the request unread, the kernel resets the connection; else it only closes it."""
    journal = tmp_path / "journal.sqlite"

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not reset:
            await reader.readline()
        writer.transport.abort()

    async with await asyncio.start_unix_server(die, path=socket_path(journal)):
        with pytest.raises(UnreachableError) as met:
            await ask(journal, request_)
    assert f"the bot ended before it answered; {look} whether it was taken" == str(met.value)

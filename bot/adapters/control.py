"""The Unix socket beside the journal, by which `imsbot` talks to the running bot.

One JSON object a line in each direction. The socket has mode 0600, so only its owner and root reach it; the peer's
uid, which the kernel vouches for (SO_PEERCRED, unix(7)), goes into the audit.
"""

import asyncio
import os
import pwd
import socket
import stat
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from bot.core.errors import UNDECODABLE, BotError, InputError, PermanentError, UnreachableError
from bot.core.model import Actor

MAX_LINE = 64 * 1024
TIMEOUT_S = 30.0

OF_INCIDENTS = {"approve", "deny", "abort"}
"""Commands whose subject is an incident's id."""


class NotRunningError(InputError):
    """No bot listens on that journal."""


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    command: str
    """approve, deny, release, abort, repair, pause, resume, sweep, forget."""
    subject: str
    """Incident id or node name; empty for the whole bot."""
    digest: str = ""
    """For approve: the plan that the person saw; empty means the current one."""
    reason: str = ""
    """For pause."""


class Response(Struct, frozen=True):
    ok: bool
    text: str
    incident: str = ""


class Peer(Struct, frozen=True):
    """Who is at the other end, by the kernel's word."""

    pid: int
    uid: int

    @property
    def name(self) -> str:
        with suppress(KeyError):
            return f"{pwd.getpwuid(self.uid).pw_name} (uid {self.uid})"
        return f"uid {self.uid}"

    @property
    def actor(self) -> Actor:
        return Actor(via="cli", user=self.name, evidence=f"pid={self.pid} uid={self.uid}")


Answerer = Callable[[Request, Peer], Awaitable[Response]]


def socket_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".sock")


@asynccontextmanager
async def listen(journal: Path, answer: Answerer) -> AsyncIterator[None]:
    """Serve the socket while the context lasts. The journal's lock makes sure that no other bot has it.

    Raises PermanentError when the path is too long for a socket or cannot be used.
    """
    path = socket_path(journal)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError, ValueError):  # ValueError: a line beyond the limit
            async with asyncio.timeout(TIMEOUT_S):
                line = await reader.readline()
                writer.write(msgspec.json.encode(await _respond(line, _peer(writer), answer)) + b"\n")
                await writer.drain()
        writer.close()

    try:
        _remove_stale(path)
        old = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(serve, path=path, limit=MAX_LINE)
        finally:
            os.umask(old)
    except OSError as error:
        raise PermanentError(f"{path}: cannot listen on the control socket: {error}") from error
    try:
        yield
    finally:
        server.close()
        with suppress(FileNotFoundError):
            path.unlink()


def _remove_stale(path: Path) -> None:
    """A killed bot leaves its socket; whatever is no socket is not ours to remove."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} exists and is no socket")
        path.unlink()


async def _respond(line: bytes, peer: Peer, answer: Answerer) -> Response:
    try:
        request = msgspec.json.decode(line, type=Request)
    except UNDECODABLE as error:
        return Response(ok=False, text=f"the bot did not understand the request: {error}")
    try:
        return await answer(request, peer)
    except BotError as error:
        return Response(ok=False, text=str(error))


def _peer(writer: asyncio.StreamWriter) -> Peer:
    connection: socket.socket = writer.get_extra_info("socket")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", packed)
    return Peer(pid, uid)


async def ask(journal: Path, request: Request) -> Response:
    """Send one request to the running bot.

    Raises NotRunningError when none runs, InputError when this user may not ask it, and UnreachableError when it
    is silent.
    """
    path = socket_path(journal)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(msgspec.json.encode(request) + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunningError(f"no bot is running on {journal}; start it with `imsbot run`") from error
    except PermissionError as error:
        raise InputError(f"{path}: only the bot's own user and root may use it; use sudo") from error
    except ConnectionError as error:
        raise UnreachableError(_unanswered(request)) from error
    except TimeoutError as error:
        raise UnreachableError(f"{path}: the bot did not answer within {TIMEOUT_S:g} s") from error
    if not line:
        raise UnreachableError(_unanswered(request))
    return msgspec.json.decode(line, type=Response)


def _unanswered(request: Request) -> str:
    """It may have been taken before the bot ended: who asked has to look."""
    look = f"show {request.subject}" if request.command in OF_INCIDENTS else "incidents"
    return f"the bot ended before it answered; `imsbot {look}` says whether it was taken"

"""The door of the service manager: a socket inside the node, on which systemctl and its like hand over calls."""

import asyncio
import getopt
import os
import socket

from tests.sandbox.nodes.machine import Machine
from tests.sandbox.nodes.systemd.notify import bind
from tests.sandbox.nodes.systemd.process import Streams
from tests.sandbox.nodes.systemd.reply import Reply, refused_option
from tests.sandbox.nodes.systemd.system import System, full_name
from tests.sandbox.nodes.systemd.systemctl import systemctl
from tests.sandbox.nodes.systemd.systemd_run import systemd_run

FOLDER, NAME = "/run/systemd", "private"
_REQUEST_BYTES = 1 << 20


class ControlSocket:
    def __init__(self, machine: Machine, system: System) -> None:
        self._machine = machine
        self._system = system
        self._listener: socket.socket | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Listen; the machine must be on."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        bind(self._listener, self._machine.path(FOLDER), NAME)
        self._listener.listen(64)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def close(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for call in self._calls:
            call.cancel()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        call = asyncio.create_task(self._serve(connection))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """A client that goes away changes nothing: what it started goes on."""
        descriptors: list[int] = []
        try:
            request = await _receive(connection, descriptors)
            program, cwd, path, *arguments = (os.fsdecode(word) for word in request.split(b"\0"))
            reply = await self._answer(program, arguments, cwd, path, Streams(*descriptors))
            stdout = reply.stdout.encode()
            head = b"%d %d\n" % (reply.exit_code, len(stdout))
            await asyncio.get_running_loop().sock_sendall(connection, head + stdout + reply.stderr.encode())
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            connection.close()
            for descriptor in descriptors:
                os.close(descriptor)

    async def _answer(self, program: str, arguments: list[str], cwd: str, path: str, streams: Streams) -> Reply:
        match program:
            case "systemctl":
                return await systemctl(self._system, arguments)
            case "systemd-run":
                return await systemd_run(self._system, arguments, streams, cwd=cwd, path=path)
            case _:
                return _journal(self._system, program, arguments)


async def _receive(connection: socket.socket, descriptors: list[int]) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    while True:
        readable = asyncio.Event()
        loop.add_reader(connection, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(connection)
        part, passed, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 3)
        descriptors += passed
        received += part
        if not part:
            return received


def _journal(system: System, program: str, arguments: list[str]) -> Reply:
    """`journalctl -u UNIT`: what the unit has printed, without times; other questions find no entries."""
    try:
        options, _ = getopt.gnu_getopt(
            arguments,
            "u:n:o:bqxe",
            ["unit=", "lines=", "output=", "no-pager", "quiet", "boot", "since=", "invocation="],
        )
    except getopt.GetoptError as error:
        return refused_option(program, arguments, error)
    named = dict(options)
    unit = named.get("-u", named.get("--unit"))
    log = system.journal(full_name(unit)) if unit else None
    if log is None or not log.exists():
        return Reply(0, stdout="" if {"-q", "--quiet"} & set(named) else "-- No entries --\n")
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    count = named.get("-n", named.get("--lines"))
    return Reply(0, stdout="".join(lines[-int(count) :] if count and count.isdecimal() else lines))

"""The socket on which a `Type=notify` service says that it is ready (sd_notify(3)), one per activation."""

import asyncio
import os
import socket
from types import TracebackType

from tests.sandbox.nodes.machine import Machine


class NotifySocket:
    def __init__(self, machine: Machine, invocation: str) -> None:
        self.inside = f"/run/systemd/notify-{invocation}"
        self.ready = asyncio.Event()
        self._path = machine.path(self.inside)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    async def __aenter__(self) -> "NotifySocket":
        bind(self._socket, self._path.parent, self._path.name)
        asyncio.get_running_loop().add_reader(self._socket, self._receive)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        if self._path.parent.exists():
            self._path.unlink(missing_ok=True)

    def _receive(self) -> None:
        if b"READY=1" in self._socket.recv(4096).split(b"\n"):
            self.ready.set()


def bind(listener: socket.socket, folder: os.PathLike[str], name: str) -> None:
    """Bind a Unix socket in a folder whose path may be longer than the 107 bytes that an address holds."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)

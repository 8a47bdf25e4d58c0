#!/usr/bin/python3 -S
"""containerd of a simulated worker: the real one for every command, a stand-in for the daemon.

The daemon loads what the real `containerd config dump` makes of its file, or dies with the real one's words. What
it has loaded is what it knows until it is restarted. It serves CRI on containerd's socket, as JSON lines.
"""

import json
import os
import signal
import socketserver
import subprocess
import sys
import tomllib
from pathlib import Path

from cri import CriService
from errors import CriError

REAL = "/usr/bin/containerd"
SOCKET = "/run/containerd/containerd.sock"
DEFAULT_CONFIG = "/etc/containerd/config.toml"


def config_path(arguments: list[str]) -> str | None:
    """The file the daemon would read, or None when the arguments name a command instead of the daemon."""
    path = DEFAULT_CONFIG
    words = iter(arguments)
    for word in words:
        name, separator, value = word.partition("=")
        if name in ("-c", "--config", "-config"):
            path = value if separator else next(words, path)
        elif name in ("-l", "--log-level", "--address", "-a", "--root", "--state"):
            if not separator:
                next(words, None)
        else:
            return None
    return path


def load(path: str) -> dict:
    """The effective configuration; ends the process with containerd's message when there is none."""
    arguments = [REAL, "-c", path, "config", "dump"]
    if path == DEFAULT_CONFIG and not os.path.exists(path):
        arguments = [REAL, "config", "default"]
    dumped = subprocess.run(arguments, capture_output=True)
    sys.stderr.write(dumped.stderr.decode(errors="replace"))
    if dumped.returncode != 0:
        sys.exit(dumped.returncode)
    return tomllib.loads(dumped.stdout.decode())


class Connection(socketserver.StreamRequestHandler):
    """One request in one line, one answer in one line."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        try:
            answer = {"result": self.server.service.call(request["method"], request.get("params", {}))}
        except CriError as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: CriService) -> None:
        Path(SOCKET).parent.mkdir(parents=True, exist_ok=True)
        Path(SOCKET).unlink(missing_ok=True)
        self.service = service
        super().__init__(SOCKET, Connection)


def notify_ready() -> None:
    """sd_notify(3), as `Type=notify` wants it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", address)


def main() -> None:
    path = config_path(sys.argv[1:])
    if path is None:
        os.execv(REAL, [REAL, *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    service = CriService(load(path))
    service.reload()
    with Server(service) as server:
        notify_ready()
        server.serve_forever()


if __name__ == "__main__":
    main()

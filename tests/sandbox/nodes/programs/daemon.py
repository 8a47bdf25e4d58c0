"""The daemon's side of containerd's stand-in: it loads the file that it was started with, and serves CRI.

It serves what the real `containerd config dump` makes of that file, or dies with the real one's words. What it has
loaded is what it knows until it is restarted. CRI is on containerd's socket, as JSON lines.
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

SOCKET = "/run/containerd/containerd.sock"


def load(containerd: str, path: str, default_path: str) -> dict:
    """The effective configuration; ends the process with containerd's message when there is none."""
    arguments = [containerd, "-c", path, "config", "dump"]
    if path == default_path and not os.path.exists(path):
        arguments = [containerd, "config", "default"]
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


def serve(containerd: str, path: str, default_path: str) -> None:
    """Until SIGTERM. `containerd` is the real one, `path` the file to load."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    service = CriService(load(containerd, path, default_path))
    service.reload()
    with Server(service) as server:
        notify_ready()
        server.serve_forever()

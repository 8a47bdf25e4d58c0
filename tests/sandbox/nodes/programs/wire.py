"""The caller's side of containerd's socket, for crictl; gRPC's words for a socket that does not answer."""

import json
import socket

SOCKET = "/run/containerd/containerd.sock"
ENDPOINT = f"unix://{SOCKET}"


class CriCallError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def call(method: str, params: dict) -> object:
    """Raises CriCallError; `Unavailable` when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(SOCKET)
        except OSError as error:
            dialing = f"dial unix {SOCKET}: connect: {(error.strerror or '').lower()}"
            text = f'connection error: desc = "transport: Error while dialing: {dialing}"'
            raise CriCallError("Unavailable", text) from None
        connection.sendall(json.dumps({"method": method, "params": params}).encode() + b"\n")
        with connection.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        raise CriCallError("Unavailable", "error reading from server: EOF")
    reply = json.loads(line)
    if "error" in reply:
        raise CriCallError(reply["error"]["code"], reply["error"]["message"])
    return reply["result"]

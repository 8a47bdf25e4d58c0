#!/usr/bin/python3 -IS
"""`systemctl` and `systemd-run` of a simulated worker: hands its arguments and streams to the supervisor outside.

Streams go along as file descriptors, so that `systemd-run --pipe` gives the unit the very pipe of the login. The
real ones take a few milliseconds, so this imports next to nothing: `socket` and `json` cost more than Python.
"""

import _socket
import os
import sys

SOCKET = "/run/systemd/private"


def main() -> int:
    words = (os.path.basename(sys.argv[0]), os.getcwd(), os.environ.get("PATH", ""), *sys.argv[1:])
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(SOCKET)
    except OSError as error:
        print(f"Failed to connect to bus: {error.strerror}", file=sys.stderr)
        return 1
    request = b"\0".join(map(os.fsencode, words))
    sent = connection.sendmsg([request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    connection.sendall(request[sent:])
    connection.shutdown(_socket.SHUT_WR)
    answer = b""
    while part := connection.recv(1 << 16):
        answer += part
    head, newline, said = answer.partition(b"\n")
    if not newline:
        print("Connection reset by peer", file=sys.stderr)
        return 1
    exit_code, of_stdout = map(int, head.split())
    for stream, text in ((1, said[:of_stdout]), (2, said[of_stdout:])):
        if text:
            os.write(stream, text)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())

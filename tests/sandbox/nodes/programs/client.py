#!/usr/bin/python3 -IS
"""`systemctl` and `systemd-run` of a simulated worker: hands its arguments and streams to the supervisor outside.

Streams go along as file descriptors, so that `systemd-run --pipe` gives the unit the very pipe of the login.
"""

import json
import os
import socket
import sys

SOCKET = "/run/systemd/private"


def main() -> int:
    program = os.path.basename(sys.argv[0])
    request = {
        "program": program,
        "arguments": sys.argv[1:],
        "cwd": os.getcwd(),
        "path": os.environ.get("PATH", ""),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(SOCKET)
        except OSError as error:
            print(f"Failed to connect to bus: {error.strerror}", file=sys.stderr)
            return 1
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        print("Connection reset by peer", file=sys.stderr)
        return 1
    reply = json.loads(line)
    sys.stdout.write(reply["stdout"])
    sys.stderr.write(reply["stderr"])
    return reply["exit_code"]


if __name__ == "__main__":
    sys.exit(main())

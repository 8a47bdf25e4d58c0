"""Becomes the process of a unit: what systemd does between fork and exec.

Its one argument is JSON: `argv`, `env`, `cwd`, `umask`, `stdin`, `stdout`, `stderr` (`inherit` keeps the
descriptor, `stdout` copies that one, else `null` or `file:`, `append:`, `truncate:` with a path) and `report`, a
FIFO. It writes its pid there in one line, and when it fails a second one with the error, and then exits with
systemd's status. The end of the FIFO without that line means: exec has worked.
"""

import json
import os
import sys

CHDIR, EXEC, STDIN, STDOUT, STDERR = 200, 203, 208, 209, 222
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOCTTY
_FLAGS = {"null": os.O_RDWR, "file": _WRITE, "append": _WRITE | os.O_APPEND, "truncate": _WRITE | os.O_TRUNC}


def open_stream(target: str, number: int) -> None:
    kind, _, path = target.partition(":")
    if kind == "inherit":
        return
    if kind == "stdout":
        os.dup2(1, number)
        return
    flags = os.O_RDONLY if number == 0 else _FLAGS[kind]
    opened = os.open(path or "/dev/null", flags, 0o644)
    os.dup2(opened, number)
    if opened != number:
        os.close(opened)


def become(spec: dict, report: int) -> None:
    stage = CHDIR
    try:
        os.setsid()
        os.umask(spec["umask"])
        os.chdir(spec["cwd"])
        for number, (status, name) in enumerate(((STDIN, "stdin"), (STDOUT, "stdout"), (STDERR, "stderr"))):
            stage = status
            open_stream(spec[name], number)
        stage = EXEC
        environment = {"SYSTEMD_EXEC_PID": str(os.getpid()), **spec["env"]}
        os.execve(spec["argv"][0], spec["argv"], environment)
    except OSError as error:
        os.write(report, f"{stage} {error.strerror}\n".encode())
        os._exit(stage)


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    channel = os.open(request["report"], os.O_WRONLY)
    os.write(channel, b"%d\n" % os.getpid())
    become(request, channel)

"""One process of a unit inside the machine: spawned with systemd's exit statuses, signalled with all its kin."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.nodes.machine import LOGIN_PATH, Machine
from tests.sandbox.nodes.rootfs import INSTALLED


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: an exit status, or the number of the signal that killed it."""

    status: int
    killed: bool = False

    @property
    def clean(self) -> bool:
        """Status 0, or a signal that systemd counts as an orderly end."""
        if self.killed:
            return self.status in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Streams:
    """Descriptors of the caller (`--pipe`), or how the node opens its own ("null", "file:/path", …)."""

    stdin: int | str
    stdout: int | str
    stderr: int | str


class UnitProcess:
    """A started program; `pid` is the one the node sees."""

    def __init__(self, process: asyncio.subprocess.Process, machine: Machine, invocation: str, pid: int) -> None:
        self._process = process
        self._machine = machine
        self._invocation = invocation
        self.pid = pid

    async def wait(self) -> Exit:
        code = await self._process.wait()
        return Exit(-code, killed=True) if code < 0 else Exit(code)

    def signal_main(self, number: int) -> None:
        """The first process only."""
        for pid in self._kin():
            if _inside_pid(pid) == self.pid:
                _kill(pid, number)

    def signal_all(self, number: int) -> None:
        for pid in self._kin():
            _kill(pid, number)

    def left_over(self) -> bool:
        return bool(self._kin())

    def _kin(self) -> list[int]:
        return self._machine.processes_with(f"INVOCATION_ID={self._invocation}") if self._machine.on else []


async def spawn(
    machine: Machine,
    argv: Sequence[str],
    *,
    invocation: str,
    environment: Mapping[str, str],
    cwd: str,
    umask: int,
    streams: Streams,
) -> tuple[UnitProcess, bool]:
    """Start a program inside; returns when exec has worked, or has failed (then the second value is False)."""
    report = f"/run/systemd/exec-{invocation}-{secrets.token_hex(4)}"
    os.mkfifo(machine.path(report))
    own = {"LANG": "C.UTF-8", "PATH": LOGIN_PATH, "INVOCATION_ID": invocation}
    names = {name: getattr(streams, name) for name in ("stdin", "stdout", "stderr")}
    request = {
        "argv": list(argv),
        "env": {**own, **environment},
        "cwd": cwd,
        "umask": umask,
        "report": report,
        **{name: target if isinstance(target, str) else "inherit" for name, target in names.items()},
    }
    read_end = os.open(machine.path(report), os.O_RDONLY | os.O_NONBLOCK)
    process = await machine.enter(
        ["/usr/bin/python3", "-IS", f"{INSTALLED}/exec.py", json.dumps(request)],
        **{name: asyncio.subprocess.DEVNULL if isinstance(each, str) else each for name, each in names.items()},
        env=own,
    )
    lines = (await _read_report(read_end, process)).decode(errors="replace").splitlines()
    if machine.on:
        machine.path(report).unlink(missing_ok=True)
    return UnitProcess(process, machine, invocation, int(lines[0]) if lines else 0), len(lines) == 1


async def _read_report(descriptor: int, process: asyncio.subprocess.Process) -> bytes:
    """Until exec closes the FIFO, or the process has ended without opening it."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    reading = asyncio.ensure_future(reader.read())
    ending = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() else b""
    finally:
        reading.cancel()
        ending.cancel()
        transport.close()


def _inside_pid(pid: int) -> int:
    """The process's number in its own namespace."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return 0


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

"""What a transient unit runs: the epoch once more, then the command, its output, and how it ended.

`began` is written before the command starts and never removed, so a command never runs twice, whoever starts this
program again. The time bound is kept here, where it can be told apart from a failure; systemd's own bound stands
behind it. systemd ends whatever the command leaves behind in its cgroup.
"""
# ruff: noqa: UP006, UP035, UP045

import base64
import contextlib
import os
import select
import signal
import subprocess
import time
from typing import Any, Callable, List, Optional

from bot.adapters.ssh.node import state
from bot.adapters.ssh.node.state import Record

OUTPUT_BYTES = 512 * 1024
"""Of the newest output and of the part before it: 1 MiB in all, whatever the command writes."""
KEPT_BYTES = 4 * 1024
"""Kept in memory too, for a disk that is full."""
KILL_AFTER_S = 5.0
SETTLE_S = 0.3
"""A process left behind may keep the output open; the command's own end counts."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Output:
    """The command's output on disk, bounded. A disk that is full stops the writing, never the command."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.kept = b""
        self.cut = False
        self.lost = ""
        self._size = 0
        self._fd = self._create()

    def _create(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)

    def add(self, chunk: bytes) -> None:
        self.kept += chunk
        if len(self.kept) > KEPT_BYTES:
            self.kept, self.cut = self.kept[-KEPT_BYTES:], True
        if self.lost:
            return
        try:
            if self._size >= OUTPUT_BYTES:
                os.replace(self.path, self.path + ".old")
                os.close(self._fd)
                self._fd, self._size = self._create(), 0
            while chunk:
                written = os.write(self._fd, chunk)
                self._size += written
                chunk = chunk[written:]
        except OSError as error:
            self.lost = error.strerror or str(error)


class Stop:
    """A SIGTERM from outside: systemctl stop, a shutdown, or systemd's own bound."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: Any) -> None:
        self.asked = True


def execute(unit: str) -> None:
    directory = state.unit_dir(unit)
    with state.locked():
        spec = state.read(directory + "/spec")
        if spec is None or os.path.exists(directory + "/result") or os.path.exists(directory + "/began"):
            return
        try:
            state.check_epoch(spec["epoch"])
        except state.Refused as refusal:
            state.write_result(directory, "refused", why=str(refusal))
            return
        state.reserve_result(directory)
        output = Output(directory + "/output")
        state.write(directory + "/began", state.encode({"boot": state.boot_id()}))
    _run(directory, output, spec["argv"], spec["timeout_s"])


def _run(directory: str, output: Output, argv: List[str], timeout_s: float) -> None:
    stop = Stop()
    deadline = time.monotonic() + timeout_s
    try:
        child = _spawn(directory, argv)
    except OSError as error:
        why = f"cannot run {argv[0]}: {error.strerror}"
        state.write_result(directory, "failed", 126 if isinstance(error, PermissionError) else 127, why=why)
        return
    _follow(child, output, lambda: stop.asked or time.monotonic() >= deadline)
    running = child.poll() is None
    if running:
        _end(child, output)
    elif child.returncode == -signal.SIGTERM:
        # systemd signals the whole cgroup; our own copy may still be on its way.
        time.sleep(SETTLE_S)
    if running and time.monotonic() >= deadline:
        _conclude(directory, output, "timeout", None, f"ended after its time bound of {timeout_s:g} s")
    elif running or (stop.asked and child.returncode != 0):
        _conclude(directory, output, "unknown", None, "stopped from outside (systemctl stop, or a shutdown)")
    else:
        code = child.returncode
        why = f"killed by signal {-code}" if code < 0 else ""
        _conclude(directory, output, "failed" if code else "ok", 128 - code if code < 0 else code, why)


def _spawn(directory: str, argv: List[str]) -> "subprocess.Popen[bytes]":
    with open(directory + "/stdin", "rb") as stdin:
        return subprocess.Popen(  # noqa: S603 # the approved command
            [word.encode("utf-8") for word in argv],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(os.environ, PATH=PATH, HOME="/root", LC_ALL="C.UTF-8"),
            start_new_session=True,
        )


def _follow(child: "subprocess.Popen[bytes]", output: Output, over: Callable[[], bool]) -> None:
    """Copy the output until the command has ended, and its output too or a moment later; or until it is over."""
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    writing = True
    ended_at: Optional[float] = None
    while True:
        if not writing:
            time.sleep(0.02)
        elif select.select([pipe], [], [], 0.1)[0]:
            chunk = os.read(pipe, 64 * 1024)
            output.add(chunk)
            writing = bool(chunk)
        if child.poll() is None:
            if over():
                return
            continue
        ended_at = ended_at or time.monotonic()
        if not writing or time.monotonic() >= ended_at + SETTLE_S:
            return


def _end(child: "subprocess.Popen[bytes]", output: Output) -> None:
    """SIGTERM to its whole session, time to clean up, SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        patience = time.monotonic() + KILL_AFTER_S
        _follow(child, output, lambda until=patience: time.monotonic() >= until)  # type: ignore[misc]
        if child.poll() is not None:
            return


def _conclude(directory: str, output: Output, kind: str, exit_code: Optional[int], why: str) -> None:
    more: Record = {"why": why}
    if output.lost:
        more.update(lost=output.lost, kept=base64.b64encode(output.kept).decode("ascii"), cut=output.cut)
    state.write_result(directory, kind, exit_code, **more)

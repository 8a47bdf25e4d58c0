"""The machine of a simulated worker: one set of namespaces with a private root filesystem, alive while it is "on".

Bubblewrap makes the namespaces (process ids, mounts, host name) around a first process; logins and units enter
them by `nsenter`. So all of them see one `/proc`, one `/tmp`, one set of mounts, as on a real node, and a power
cut is the death of that first process: the kernel then kills everything that ran inside. Nothing outlives the
process that owns the machine, not even when it is killed.

Works as root and as an ordinary user; an ordinary user gets a user namespace in which only uid 0 exists.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.sandbox.nodes.rootfs import RootFilesystem

LOGIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT_TIMEOUT_S = 10
_MOST_LINKS = 40
_EXEC_POLLS, _EXEC_POLL_S = 5, 0.001


class MachineError(Exception):
    """The machine could not be switched on; the message holds what bubblewrap said."""


class Machine:
    """Off until `boot`. Host pids everywhere unless said otherwise."""

    def __init__(self, files: RootFilesystem, hostname: str) -> None:
        self._files = files
        self._hostname = hostname
        self._process: asyncio.subprocess.Process | None = None
        self._init: int | None = None
        self._entered: set[asyncio.subprocess.Process] = set()

    @property
    def on(self) -> bool:
        return self._init is not None and self._process is not None and self._process.returncode is None

    async def boot(self) -> None:
        """Make the namespaces; returns when they can be entered. Raises MachineError."""
        info_read, info_write = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._bubblewrap(info_write),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(info_write,),
                env={"PATH": LOGIN_PATH},
            )
        finally:
            os.close(info_write)
        try:
            async with asyncio.timeout(_BOOT_TIMEOUT_S):
                said = await self._process.stdout.readline()
            if said != b"up\n":
                rest = await self._process.stdout.read()
                raise MachineError(
                    f"{self._hostname}: bubblewrap: {(said + rest).decode(errors='replace').strip()}"
                )
            self._init = json.loads(os.read(info_read, 4096))["child-pid"]
        finally:
            os.close(info_read)

    async def power_off(self) -> None:
        """Kill everything at once, as a power cut does."""
        if self._process is None:
            return
        for pid in (self._init, self._process.pid):
            if pid is not None and self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await self._process.communicate()
        await asyncio.gather(*(process.wait() for process in self._entered))
        self._entered.clear()
        self._process = None
        self._init = None

    def entering(self, argv: Sequence[str]) -> list[str]:
        """The host command that runs `argv` inside, waits for it and ends as it ended (status or signal)."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["/usr/bin/nsenter", "--target", str(self._init), "--mount", "--uts", "--pid", *user, "--", *argv]

    async def enter(
        self, argv: Sequence[str], *, stdin: int, stdout: int, stderr: int, env: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        """Start a program inside; it is gone when `power_off` returns."""
        process = await asyncio.create_subprocess_exec(
            *self.entering(argv), stdin=stdin, stdout=stdout, stderr=stderr, env=dict(env)
        )
        self._entered = {each for each in self._entered if each.returncode is None} | {process}
        return process

    async def run(self, argv: Sequence[str]) -> bytes:
        """For set-up and tests: stdout of a command inside; raises MachineError with stderr when it fails."""
        pipe = asyncio.subprocess.PIPE
        env = {"PATH": LOGIN_PATH, "HOME": "/root"}
        process = await self.enter(argv, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env)
        out, err = await process.communicate()
        if process.returncode != 0:
            raise MachineError(
                f"{self._hostname}: {argv[0]}: {process.returncode}: {err.decode(errors='replace')}"
            )
        return out

    def path(self, inside: str) -> Path:
        """Host path of a file inside, through every mount; absolute links in it are *not* followed rightly."""
        return Path(f"/proc/{self._init}/root{inside}")

    def resolve(self, inside: str) -> Path | None:
        """Host path of what `inside` leads to, following links as the node does; None when nothing is there."""
        followed, done, left = 0, "/", [part for part in inside.split("/") if part]
        while left:
            part = left.pop(0)
            if part == "..":
                done = os.path.dirname(done)
                continue
            step = os.path.join(done, part)
            try:
                target = os.readlink(self.path(step))
            except OSError:
                done = step
                continue
            followed += 1
            if followed > _MOST_LINKS:
                return None
            done = "/" if target.startswith("/") else done
            left = [word for word in target.split("/") if word not in ("", ".")] + left
        found = self.path(done)
        return found if os.path.lexists(found) else None

    def exists(self, inside: str) -> bool:
        return self.on and self.resolve(inside) is not None

    def names(self, folder: str) -> list[str]:
        """Sorted entries of a folder; none when it is not there."""
        found = self.resolve(folder)
        return sorted(os.listdir(found)) if found is not None and found.is_dir() else []

    def read_text(self, inside: str) -> str:
        """Raises FileNotFoundError."""
        found = self.resolve(inside)
        if found is None:
            raise FileNotFoundError(inside)
        return found.read_text()

    def changed_ns(self, inside: str) -> int:
        found = self.resolve(inside)
        return 0 if found is None else found.stat().st_mtime_ns

    def processes_with(self, variable: str) -> list[int]:
        """Processes inside whose environment holds `NAME=value`: our stand-in for a control group."""
        wanted = variable.encode()
        return [pid for pid in self._processes() if wanted in _environment(pid)]

    def _processes(self) -> Iterator[int]:
        namespace = os.readlink(f"/proc/{self._init}/ns/pid")
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                        yield int(name)

    def _bubblewrap(self, info_fd: int) -> list[str]:
        user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "0", "--gid", "0"]
        return [
            "/usr/bin/bwrap",
            *self._files.mounts(),
            *("--unshare-pid", "--unshare-uts", "--hostname", self._hostname, *user),
            *("--die-with-parent", "--info-fd", str(info_fd)),
            *("/bin/sh", "-c", "echo up; exec sleep infinity >/dev/null 2>&1"),
        ]


def _environment(pid: int) -> list[bytes]:
    """Empty for a process that has ended. One that is just in the middle of exec shows none for a moment."""
    for _ in range(_EXEC_POLLS):
        try:
            found = Path(f"/proc/{pid}/environ").read_bytes()
            os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return []
        if found:
            return found.split(b"\0")
        time.sleep(_EXEC_POLL_S)
    return []

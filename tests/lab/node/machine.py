"""A worker as a machine: a systemd that boots in a container of its own, and the power switch.

Everything that runs for it lies in one control group, so nothing needs to be remembered: whoever knows the name
can find its first process, enter it, and cut its power, also after the program that started it was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabError, call, try_call
from tests.lab.node.cgroups import ControlGroups

_FILES = Path(__file__).parent / "files"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT_S, _POLL_S = 60.0, 0.05
_NSPAWN = Path("/run/systemd/nspawn")


@dataclass(frozen=True, slots=True)
class Machine:
    """`identity` is unique on the host; `name` is what the machine calls itself."""

    identity: str
    name: str
    root: Path
    """Where its disk is mounted on the host."""
    groups: ControlGroups
    console: Path
    """File that what it prints while booting goes to."""

    @property
    def on(self) -> bool:
        return self._first() is not None

    async def boot(self, namespace: Path, binds: Mapping[str, Path]) -> None:
        """In the network `namespace`, with folders of the host bound over paths inside.

        Returns when its systemd has started everything that it starts at boot. Raises LabError.
        """
        self.groups.create()
        nspawn = (
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", f"--directory={self.root}"),
            *(f"--machine={self.identity}", f"--hostname={self.name}", f"--network-namespace-path={namespace}"),
            *("--capability=all", "--system-call-filter=add_key keyctl bpf", "--bind=/dev/kmsg"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--settings=no"),
            *(f"--bind={folder}:{inside}" for inside, folder in binds.items()),
        )
        environment = ("env", "-i", f"PATH={_PATH}", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network")
        boot = ("/bin/sh", str(_FILES / "boot.sh"), *nspawn)
        with self.console.open("wb") as console:
            starting = await asyncio.create_subprocess_exec(
                *("setsid", "--fork", *self._entering(), *environment, *boot),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
            await starting.wait()
        try:
            async with asyncio.timeout(_BOOT_S):
                await self._booted()
        except TimeoutError:
            raise LabError(f"{self.name} has not booted within {_BOOT_S:g} s: {self._last_words()}") from None

    async def power_off(self) -> None:
        """At once, as when the power fails. Nothing when it is off."""
        await self.groups.remove()
        _forget(self.identity, self.root)

    async def run(self, command: str) -> str:
        """stdout of a shell command as root inside. Raises LabError when it fails."""
        return await call(*self.entering(("/bin/sh", "-c", command)))

    async def try_run(self, command: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of a shell command as root inside."""
        return await try_call(*self.entering(("/bin/sh", "-c", command)))

    def entering(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The host's command that runs `argv` inside, and ends as it ends. Raises LabError when it is off."""
        first = self._first()
        if first is None:
            raise LabError(f"{self.name} is off: {self._last_words()}")
        environment = ("/usr/bin/env", "-i", "--chdir=/root", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8")
        return (*self._entering(), "nsenter", f"--target={first}", "--all", *environment, *argv)

    def _entering(self) -> tuple[str, ...]:
        return ("/bin/sh", str(_FILES / "enter.sh"), *map(str, self.groups.entrances), "--")

    async def _booted(self) -> None:
        """A unit that failed ends the boot as well: what must run is the caller's business."""
        while True:
            if self.on:
                _, said, _ = await self.try_run("systemctl is-system-running")
                if said.strip() in ("running", "degraded"):
                    return
            await asyncio.sleep(_POLL_S)

    def _first(self) -> int | None:
        """Id on the host of its process 1."""
        return next((pid for pid in self.groups.processes() if _level_pids(pid)[1:] == [1]), None)

    def _last_words(self) -> str:
        lines = self.console.read_text(errors="replace").splitlines() if self.console.exists() else []
        return " / ".join(lines[-5:]) or "nothing was printed"


def _forget(identity: str, root: Path) -> None:
    """What nspawn keeps of a machine and only takes away when that is shut down gently."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(_NSPAWN / "propagate" / identity)
    with contextlib.suppress(FileNotFoundError):
        found = root.stat()
        (_NSPAWN / "locks" / f"inode-{found.st_dev}:{found.st_ino}").unlink()


def _level_pids(pid: int) -> list[int]:
    """Its ids, from the host's down to that of its own namespace; empty for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return next(
        ([int(word) for word in line.split()[1:]] for line in status.splitlines() if line.startswith("NSpid:")), []
    )

"""A program of the lab on the host that outlives whoever started it: control plane and mirror.

It runs in a control group of its own, as workers do, so any later program finds and ends it by its name alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.lab.node.cgroups import ControlGroups

_ENTER = Path(__file__).parent / "node/files/enter.sh"
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Daemon:
    """`groups` is where it runs, `log` the file that both its outputs go to."""

    groups: ControlGroups
    log: Path

    @property
    def running(self) -> bool:
        return bool(self.groups.processes())

    async def start(self, *argv: str, directory: Path | None = None) -> None:
        """It must not be running. Returns at once: whether it serves is the caller's to find out."""
        self.groups.create()
        entrances = map(str, self.groups.entrances)
        with self.log.open("ab") as log:
            starting = await asyncio.create_subprocess_exec(
                *("/bin/sh", str(_ENTER), *entrances, "--", "setsid", "--fork", *argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
            )
            await starting.wait()

    async def stop(self) -> None:
        """At once, as a crash would. Nothing when it is not running."""
        await self.groups.remove()

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_LAST_LINES:]) or "it said nothing"

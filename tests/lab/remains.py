"""What of a lab is on the host, found by its number, and taken away: processes, control groups, mounts, network.

Nobody remembers what was started; the kernel is asked. So it does not matter which program started the lab, or how
that ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import call, try_call
from tests.lab.node.cgroups import ControlGroups
from tests.lab.node.network import Network

_MOUNTS = Path("/proc/self/mounts")
_NAMESPACES = Path("/run/netns")
_LINKS = Path("/sys/class/net")
_NSPAWN = Path("/run/systemd/nspawn/propagate")


@dataclass(frozen=True, slots=True)
class Remains:
    """Of the lab whose folder is `state` (absolute)."""

    state: Path
    network: Network

    def found(self) -> list[str]:
        """One line for each thing; none means that there is no such lab."""
        return [
            *(f"process {pid}" for pid in sorted(self._groups.processes())),
            *(f"control group {folder}" for folder in self._groups.folders if folder.is_dir()),
            *(f"mount {point}" for point in self._mounts()),
            *(f"network namespace {name}" for name in self._named(_NAMESPACES, "-")),
            *(f"network interface {name}" for name in self._named(_LINKS)),
            *(f"machine {name}" for name in self._named(_NSPAWN, "-")),
        ]

    async def remove(self) -> None:
        """End all processes at once, and take the rest away, the lab's folder with it. Nothing when there is none.

        Raises LabError when something stays.
        """
        await self._groups.remove()
        for point in self._mounts():
            await call("umount", str(point))
        for name in self._named(_NAMESPACES, "-"):
            await call("ip", "netns", "delete", name)
        for name in self._named(_LINKS, "n"):  # their other ends go with the namespaces, a little later
            await try_call("ip", "link", "delete", name)
        await self.network.down()
        for name in self._named(_NSPAWN, "-"):
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, _NSPAWN / name)
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, self.state)

    @property
    def _groups(self) -> ControlGroups:
        return ControlGroups(self.network.bridge)

    def _mounts(self) -> list[Path]:
        """The innermost first."""
        points = [Path(line.split()[1]) for line in _MOUNTS.read_text().splitlines()]
        return [point for point in reversed(points) if point.is_relative_to(self.state)]

    def _named(self, folder: Path, after: str = "") -> list[str]:
        """Names there that begin with the bridge's, and then with `after`; `imslab1` is not `imslab10`."""
        bridge = self.network.bridge
        found = sorted(each.name for each in folder.glob(f"{bridge}{after}*")) if folder.is_dir() else []
        return [name for name in found if not name.removeprefix(bridge)[:1].isdigit()]

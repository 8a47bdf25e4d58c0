"""One control group per worker in every hierarchy of a host with cgroup v1.

The worker's systemd and its kubelet then manage a tree of their own, and what is left of a worker can be found.
A host with cgroup v2 alone is not served yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabError

_MOUNTS = Path("/proc/self/mounts")
_ENDING_S, _POLL_S = 10.0, 0.02


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """`name` is a path below each hierarchy's root, such as `imslab0/ncn-w001`."""

    name: str

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(hierarchy / self.name for hierarchy in hierarchies())

    def create(self) -> None:
        for hierarchy in hierarchies():
            folder = hierarchy
            for part in self.name.split("/"):
                parent, folder = folder, folder / part
                folder.mkdir(exist_ok=True)
                _inherit_cpus(parent, folder)

    @property
    def entrances(self) -> tuple[Path, ...]:
        """A process that writes its id into each of them, and what it starts then, belongs to the group."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    async def remove(self) -> None:
        """Kill whatever is left in it, then take it away. Raises LabError when something does not end."""
        async with asyncio.timeout(_ENDING_S):
            while left := self.processes():
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(_POLL_S)
        for folder in self.folders:
            await _remove_tree(folder)
            with contextlib.suppress(OSError):  # others of the lab are still in it
                folder.parent.rmdir()

    def processes(self) -> set[int]:
        """Without zombies: they are dead, and some machines' PID 1 is slow to bury them."""
        return {
            int(line)
            for folder in self.folders
            for inside, _, _ in os.walk(folder)  # unlike rglob it bears groups that go while it looks
            for line in _read(Path(inside) / "cgroup.procs").split()
            if not _zombie(int(line))
        }


def hierarchies() -> tuple[Path, ...]:
    """Mount points. Raises LabError when the host has none of cgroup v1."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    if not any(kind == "cgroup" for _, _, kind, *_ in mounts):
        raise LabError(
            "this host has cgroup v2 alone, which the lab's workers do not know yet; boot it with "
            "systemd.unified_cgroup_hierarchy=0"
        )
    return tuple(dict.fromkeys(Path(where) for _, where, kind, *_ in mounts if kind in ("cgroup", "cgroup2")))


def _inherit_cpus(parent: Path, folder: Path) -> None:
    if not (folder / "cpuset.cpus").exists():
        return
    for file in ("cpuset.cpus", "cpuset.mems"):
        (folder / file).write_text((parent / file).read_text())
    (folder / "cgroup.clone_children").write_text("1")


async def _remove_tree(folder: Path) -> None:
    """A group counts as busy for a moment after its last process has ended."""
    async with asyncio.timeout(_ENDING_S):
        while not _removed(folder):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(_POLL_S)


def _removed(folder: Path) -> bool:
    try:
        for each in sorted(folder.rglob("*/"), reverse=True):
            each.rmdir()
        folder.rmdir()
    except FileNotFoundError:
        return not folder.exists()
    except OSError:
        return False
    return True


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the group has just gone
        return ""


def _zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")

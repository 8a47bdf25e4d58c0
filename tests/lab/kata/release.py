"""What a release of the lab consists of: upstream's layout, as in the sandbox, with programs that really start.

The shim is the one that containerd's own packages make (`../go/kata_shim`); the file daemon and the hypervisor are
native programs that wait, so that they are processes of the installation while a sandbox lives. Everything else,
the owner traps included, is the sandbox's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.sandbox.mirror.archive import Entries
from tests.sandbox.mirror.executable import waiting_program
from tests.sandbox.mirror.release import release

SHIM = "opt/kata/bin/containerd-shim-kata-v2"
_DAEMON = "opt/kata/libexec/virtiofsd"


def lab_release(shim: Path) -> Callable[[str], Entries]:
    """Version -> its entries, with the program at `shim` as Kata's shim."""

    def contents(version: str) -> Entries:
        programs = {SHIM: shim.read_bytes(), _DAEMON: waiting_program("virtiofsd 1.13.0")}
        return tuple(replace(entry, content=programs.get(entry.path, entry.content)) for entry in release(version))

    return contents

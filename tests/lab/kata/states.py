"""Puts a worker that was just reset into a state of Kata: ready as on a CSM system, or broken in one way.

The states are those of the sandbox (`tests/sandbox/nodes/state`), so that a test of the lab and one of the sandbox
mean the same by "without shim". Here they are written onto the disk of a running machine, and its real containerd
is restarted when it must know of a handler. What the API server holds (label, RuntimeClass) is not decided here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.sandbox.mirror.archive import Entries
from tests.sandbox.nodes.state import CONFIG, NodeState, render_handlers

_PLUGINS = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}
"""Schema of the configuration -> the plugin that knows the runtimes."""


class Machine(Protocol):
    """What is asked of a worker."""

    @property
    def root(self) -> Path:
        """Its `/`, seen from the host."""

    def host_path(self, inside: str) -> Path: ...

    async def run(self, command: str) -> str:
        """Output of a shell command on it, as root; raises when it fails."""


async def put(
    machine: Machine, state: NodeState, contents: Callable[[str], Entries], *, restart: bool = True
) -> None:
    """Write what of Kata `state` has, and its handlers into containerd's file. `contents` is the lab's release.

    `restart` False leaves the running containerd without the handlers that its file has.
    """
    state.write_kata(machine, contents)
    config = machine.host_path(CONFIG)
    if state.config is not None:
        config.write_text(state.config, encoding="utf-8")
    elif state.handlers:
        text = config.read_text(encoding="utf-8")
        config.write_text(text + _blocks(text, state.handlers), encoding="utf-8")
    else:
        return
    if restart:
        await machine.run("systemctl restart containerd")


def repeat_handler(machine: Machine) -> None:
    """Give containerd's file the same table twice, as a second run of the old procedure does. No restart."""
    config = machine.host_path(CONFIG)
    text = config.read_text(encoding="utf-8")
    config.write_text(text + 2 * _blocks(text, ("kata-qemu",)), encoding="utf-8")


def break_syntax(machine: Machine) -> None:
    """Leave containerd's file unreadable for it. No restart."""
    config = machine.host_path(CONFIG)
    config.write_text(config.read_text(encoding="utf-8") + "\n[plugins\n", encoding="utf-8")


def _blocks(text: str, handlers: tuple[str, ...]) -> str:
    """The handlers' tables for a file of that schema. Tables are absolute, so the end of the file is a place."""
    plugin = _PLUGINS[tomllib.loads(text)["version"]]
    return "\n" + render_handlers(handlers).replace(_PLUGINS[2], plugin)

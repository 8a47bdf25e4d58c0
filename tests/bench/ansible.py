"""Runs of `ansible-playbook`, each from nothing: no connection of the run before is left to be used again."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bench.clock import run
from tests.bench.peers import peer_program

_EXIT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    stdin: str = ""


async def play(inventory: Path, commands: Sequence[Command], *, forks: int, folder: Path) -> float:
    """Seconds that one playbook takes on all hosts, a task for each command. Raises CommandFailed.

    Everything is Ansible's default but `forks`: its own ssh with ControlMaster and ControlPersist, no pipelining.
    Facts of its own are not gathered: nobody asked for them.
    """
    playbook = folder / "playbook.yaml"
    await asyncio.to_thread(playbook.write_text, render_playbook(commands))
    program = await peer_program("ansible-playbook")
    sockets = Path(tempfile.mkdtemp(prefix="ib-"))  # short, because a socket's path must be
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_NOCOLOR": "1",
    }
    try:
        return await run(program, "-i", str(inventory), str(playbook), env=environment)
    finally:
        await _close(sockets)


def render_playbook(commands: Sequence[Command]) -> str:
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [_task(command) for command in commands]}]
    return yaml.dump(plays, Dumper=_Dumper)


class _Verbatim(str):
    """Not a template, whatever braces it holds."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Verbatim, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def _task(command: Command) -> dict[str, object]:
    argv, stdin = [_Verbatim(word) for word in command.argv], _Verbatim(command.stdin)
    module = {"argv": argv, "stdin": stdin, "stdin_add_newline": False}
    return {"ansible.builtin.command": module, "changed_when": False}


async def _close(sockets: Path) -> None:
    """End the connections that ControlPersist keeps."""
    for socket in await asyncio.to_thread(lambda: list(sockets.iterdir())):
        process = await asyncio.create_subprocess_exec(
            *("ssh", "-o", f"ControlPath={socket}", "-O", "exit", "unused"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(process.wait(), _EXIT_TIMEOUT_S)
    await asyncio.to_thread(shutil.rmtree, sockets, ignore_errors=True)

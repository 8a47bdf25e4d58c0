"""kopf and ansible-core, in a Python of their own beside the project's.

They are the group `bench` of pyproject.toml, pinned in `requirements.lock` beside this module rather than in the
project's own: no test needs them, and what they bring along must not decide what the bot is tested with.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Of the project."""
LOCK = Path(__file__).with_name("requirements.lock")
_HOME = ROOT / "build/bench/peers"
_STAMP = _HOME / "lock"


class PeersMissing(Exception):
    """They could not be installed; the message says what pip said."""


def installed() -> bool:
    """Whether they are there as the lock file says."""
    return _STAMP.exists() and _STAMP.read_bytes() == LOCK.read_bytes()


async def peer_python() -> str:
    """Path of the peers' python, installed from the lock file when that has changed. Raises PeersMissing."""
    python = _HOME / "bin/python"
    if not installed():
        await _run(sys.executable, "-m", "venv", "--clear", str(_HOME))
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes")
        await _run(str(python), "-m", "pip", "install", *options, "-r", str(LOCK))
        _STAMP.write_bytes(LOCK.read_bytes())
    return str(python)


async def peer_program(name: str) -> str:
    """Path of a program of theirs, such as `ansible-playbook`. Raises PeersMissing."""
    return str(Path(await peer_python()).with_name(name))


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise PeersMissing(f"{' '.join(command)} ended with {process.returncode}: {out.decode(errors='replace')}")

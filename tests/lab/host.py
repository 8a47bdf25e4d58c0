"""Programs of the host that the lab calls: to the end, with what they said in the error when they failed."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence


class LabError(Exception):
    """Something of the lab could not be built, started or stopped; the message holds what the program said."""


async def call(*argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """stdout of a program. Raises LabError with its last words when it fails or is not there."""
    code, out, err = await try_call(*argv, stdin=stdin, env=env)
    if code != 0:
        said = (err or out).strip()[-2000:]
        raise LabError(f"{shlex.join(argv)[:300]} ended with {code}: {said}")
    return out


async def try_call(*argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout, stderr. Raises LabError when the program is not there."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not there; `make setup` as root installs what the lab needs") from None
    try:
        out, err = await process.communicate(stdin)
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")


async def call_each(commands: Sequence[Sequence[str]]) -> None:
    """One after another; the first failure ends it."""
    for argv in commands:
        await call(*argv)

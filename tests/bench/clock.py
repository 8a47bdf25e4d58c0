"""Wall time of whole commands, and how often something is timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

from tests.bench.peers import ROOT

SHORT_S = 10.0
_TIMEOUT_S = 300


class CommandFailed(Exception):
    """Its time would mean nothing; the message holds what it said."""


async def run(*command: str, env: Mapping[str, str] | None = None) -> float:
    """Seconds from its start to its end. Raises CommandFailed unless it ends with 0."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        tail = said.decode(errors="replace")[-3000:]
        raise CommandFailed(f"{' '.join(command[:4])} … ended with {process.returncode}:\n{tail}")
    return time.monotonic() - began


async def median_s(once: Callable[[], Awaitable[float]], *, short: int = 5, long: int = 3) -> float:
    """The median of `short` times, or of `long` ones when the first took SHORT_S or more."""
    times = [await once()]
    for _ in range((short if times[0] < SHORT_S else long) - 1):
        times.append(await once())
    return round(median(times), 3)

"""Wall time of whole commands, and how often something is timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

from tests.bench.peers import ROOT

SHORT_S, SHORT_RUNS, LONG_RUNS = 10.0, 5, 3
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


async def medians_s(
    competitors: Mapping[str, Callable[[], Awaitable[float]]], *, short: int = SHORT_RUNS, long: int = LONG_RUNS
) -> dict[str, float]:
    """The median of `short` times of each, or of `long` ones where the first took SHORT_S or more.

    They take turns, so that what else the machine does hits all of them alike.
    """
    times = {name: [await once()] for name, once in competitors.items()}
    wanted = {name: short if first < SHORT_S else long for name, (first,) in times.items()}
    for turn in range(1, max(wanted.values())):
        for name, once in competitors.items():
            if turn < wanted[name]:
                times[name].append(await once())
    return {name: round(median(found), 3) for name, found in times.items()}

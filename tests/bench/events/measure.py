"""How many Events a second the bot takes in, beside kopf and beside the least that aiohttp and msgspec need.

Each run is a process of its own, the three take turns, and the clock runs from the moment at which the server
opens the stream to the one at which the last Event was dealt with: start, list and discovery are nobody's time.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from statistics import median

import msgspec

from tests.bench.events.heard import Heard
from tests.bench.events.stream import MATCH_EVERY, StreamServer, serve
from tests.bench.peers import ROOT, peer_python
from tests.bench.report import EventsPerSecond

EVENTS = 5000
RUNS = 5
_RUN_TIMEOUT_S = 60


class WrongCount(Exception):
    """A program lost Events or saw failures that are none: its speed means nothing."""


async def measure(folder: Path, *, events: int = EVENTS, runs: int = RUNS) -> EventsPerSecond:
    """Medians of `runs`. Raises WrongCount, PeersMissing."""
    server, kubeconfig = await serve(events, folder)
    programs = {
        "bot": (sys.executable, "-m", "tests.bench.events.by_bot"),
        "kopf": (await peer_python(), str(Path(__file__).with_name("by_kopf.py"))),
        "floor": (sys.executable, "-m", "tests.bench.events.by_floor"),
    }
    rates: dict[str, list[float]] = {name: [] for name in programs}
    try:
        for _ in range(runs):
            for name, program in programs.items():
                heard = await _run(server, (*program, str(kubeconfig), str(events)))
                _check(name, heard, events)
                rates[name].append(events / (heard.ended_at - server.began))
    finally:
        await server.stop()
    return EventsPerSecond(**{name: round(median(found), 1) for name, found in rates.items()})


async def _run(server: StreamServer, command: tuple[str, ...]) -> Heard:
    server.arm()
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_RUN_TIMEOUT_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return msgspec.json.decode(out, type=Heard)


def _check(name: str, heard: Heard, events: int) -> None:
    matches = 0 if name == "floor" else events // MATCH_EVERY
    if (events, matches) != (heard.heard, heard.matched):
        raise WrongCount(
            f"{name} heard {heard.heard} of {events} Events and recognised {heard.matched} of {matches}"
        )

"""`python -m tests.bench [PART ...]`: measure, and merge the numbers into `build/bench.json`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from tests.bench import events, repair, rss, sweep
from tests.bench.clock import CommandFailed
from tests.bench.events.measure import WrongCount
from tests.bench.peers import PeersMissing
from tests.bench.report import Part, merge

ROOT = Path(__file__).parents[2]
PARTS: dict[str, Callable[[Path], Awaitable[Part]]] = {
    "events": events.measure,
    "rss": rss.measure,
    "sweep": sweep.measure,
    "repair": repair.measure,
}


async def _measure(names: list[str], out: Path, scratch: Path) -> None:
    for name in names:
        shutil.rmtree(scratch / name, ignore_errors=True)
        part = await PARTS[name](scratch / name)
        merge(out, part)
        print(f"{name}: {msgspec.json.encode(part).decode()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is named")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench.json", help="the file to merge into")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    try:
        asyncio.run(_measure(arguments.parts or list(PARTS), arguments.out, ROOT / "build/bench"))
    except (PeersMissing, CommandFailed, WrongCount) as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()

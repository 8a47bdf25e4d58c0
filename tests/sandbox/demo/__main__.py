"""`python -m tests.sandbox.demo [--auto] [--chaos N] [--pictures DIR] [--keep DIR]`; `make demo` calls it.

Exit code 0 only when every job that should run ran and every card reached its right end.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.sandbox.demo.chaos import Chaos
from tests.sandbox.demo.people import People
from tests.sandbox.demo.pictures import Photographer
from tests.sandbox.demo.play import Play
from tests.sandbox.demo.stage import SandboxStage
from tests.sandbox.demo.story import CHANGES, CHAPTERS, PICTURED, WORKERS
from tests.sandbox.demo.telling import Scenery, Telling
from tests.sandbox.nodes.machine import MachineError
from tests.sandbox.nodes.sshd import SshdError
from tests.sandbox.whole import Sandbox
from tests.sandbox.whole.configuration import WAIVED

_INTERRUPTED = 130
_LONGEST_S = 450.0
"""Of a performance that answers by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    auto = options.auto or options.chaos is not None or options.pictures is not None or not sys.stdin.isatty()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="imsbot-demo-"))
    try:
        good = asyncio.run(perform(folder, options.chaos, options.pictures, auto=auto))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (MachineError, SshdError, OSError) as error:
        print(f"the sandbox does not start: {error}; `make setup` names what is missing", file=sys.stderr)
        return 1
    if good and options.keep is None:
        shutil.rmtree(folder)
    return 0 if good else 1


async def perform(folder: Path, seed: int | None, pictures: Path | None, *, auto: bool) -> bool:
    """One performance; False when anything ended otherwise than it must. Everything it made stays in `folder`."""
    telling = Telling()
    workers = WORKERS | PICTURED if pictures else WORKERS
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(folder, workers, changes=CHANGES))
        telling.opening(sandbox.slack.page_url, str(folder), _scenery(len(workers)))
        chaos = Chaos(seed, sandbox, telling.broke) if seed is not None else None
        photographer = (
            await stack.enter_async_context(Photographer(pictures, sandbox.slack.page_url)) if pictures else None
        )
        people = People(sandbox.slack, telling, waits=not auto)
        play = Play(SandboxStage(sandbox), telling, people, chaos, photographer)
        if why := await play.run(CHAPTERS, _LONGEST_S if auto else None):
            kept = [f"nodes/{name}/{{root,logs,sshd/log}}" for name in workers]
            telling.failure(why, str(folder), sandbox.bot.tail(), kept)
        await people.linger()
        return not why


def _scenery(workers: int) -> Scenery:
    return Scenery(
        f"Around the bot everything is a stand-in, but a real server: Kubernetes API (TLS), {workers} workers "
        "behind OpenSSH, an archive mirror, Slack.",
        waived=tuple(WAIVED),
        also_shortened=("kubelet's retry 1 s",),
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--auto", action="store_true", help="answer by itself, as it does without a terminal")
    parser.add_argument("--chaos", type=int, metavar="N", help="break things at moments drawn from this seed")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write screenshots of the Slack page there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="use this folder, and keep it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.lab.demo [--auto] [--number N] [--keep]`; `make lab-demo` calls it.

A lab of its own is started for it and taken away again. Exit code 0 only when every job that should run ran, every
card reached its right end, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.lab.claim import claimed
from tests.lab.cluster import Lab, prepare_lab
from tests.lab.demo.chapters import CHAPTERS, SETUPS, WORKERS
from tests.lab.demo.stage import LabStage
from tests.lab.host import LabError
from tests.lab.kata.states import put
from tests.lab.node import Network
from tests.lab.remains import Remains
from tests.lab.story import WAIVED, Story
from tests.sandbox.demo.people import People
from tests.sandbox.demo.play import Play
from tests.sandbox.demo.telling import Scenery, Telling

_ROOT = Path(__file__).parents[3]
_NUMBER = os.environ.get("IMSBOT_LAB_NUMBER", "2")
"""Lab 0 is `make lab`'s, 1 that of `make lab-test`."""
_INTERRUPTED = 130
_LONGEST_S = 900.0
"""Of a performance that answers by itself, once the lab stands."""
_JOURNAL = "journalctl -b -o short-precise --no-pager"
_SCENERY = Scenery(
    "Around the bot all is real but Slack, the archive mirror and Kata's micro-VM: Kubernetes with RBAC, three "
    "workers with systemd, sshd, containerd and kubelet.",
    waived=tuple(WAIVED),
)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    if os.geteuid() != 0:
        sys.exit("lab-demo: the lab needs root: it makes network namespaces, control groups and mounts")
    folder = Path(tempfile.mkdtemp(prefix="imsbot-lab-demo-"))
    auto = options.auto or not sys.stdin.isatty()
    began = time.monotonic()
    try:
        with claimed(options.number) as network:
            good = asyncio.run(_perform_alone(folder, network, auto=auto, keep=options.keep))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (LabError, TimeoutError, ValueError, OSError) as error:
        sys.exit(f"lab-demo: {error or 'the lab was not ready in time'}; the bot's files are in {folder}")
    print(f"  {time.monotonic() - began:.0f} s with the lab's start and end")
    if good:
        shutil.rmtree(folder)
    return 0 if good else 1


async def _perform_alone(folder: Path, network: Network, *, auto: bool, keep: bool) -> bool:
    async with _standing(network, keep=keep) as lab:
        return await perform(lab, folder, auto=auto)


async def perform(lab: Lab, folder: Path, *, auto: bool) -> bool:
    """One performance on a lab that was just reset to `SETUPS`; False when anything ended otherwise than it must.

    The bot's files stay in `folder`, and the lab's logs as well when it failed.
    """
    telling = Telling()
    async with Story(lab, folder) as story:
        await _break(story)
        telling.opening(story.slack.page_url, str(folder), _SCENERY)
        people = People(story.slack, telling, waits=not auto)
        play = Play(LabStage(story), telling, people)
        if why := await play.run(CHAPTERS, _LONGEST_S if auto else None):
            telling.failure(why, str(folder), story.bot.tail(), await _save_logs(lab, folder))
        await people.linger()
        return not why


@asynccontextmanager
async def _standing(network: Network, *, keep: bool) -> AsyncIterator[Lab]:
    """A lab whose workers have the units that the chapters tell of, and nothing of Kata yet."""
    state = _ROOT / f"build/lab-demo-{network.number}"
    remains = Remains(state, network)
    await remains.remove()
    print("starting a control plane and three workers; the first time they are built before", flush=True)
    try:
        lab = await prepare_lab(state, network)
        await lab.start(SETUPS)
        yield lab
    finally:
        if keep:
            end = f"python -m tests.lab down --number {network.number} --state {state}"
            print(f"  the lab stands; `{end}` takes it away")
        else:
            await remains.remove()
    if not keep and (left := remains.found()):
        raise LabError("this is left of the lab: " + ", ".join(left))


async def _break(story: Story) -> None:
    """Put every worker into its state of the beginning."""
    for name, worker in WORKERS.items():
        await put(story.lab.workers[name], worker.state, story.contents)
        if worker.kata_label:
            await story.label(name)
    await story.create_runtime_class()


async def _save_logs(lab: Lab, folder: Path) -> list[str]:
    """What of them outlives the lab, relative to `folder`."""
    for name, worker in lab.workers.items():
        _, journal, _ = await worker.try_run(_JOURNAL)
        (folder / f"{name}.log").write_text(journal)
    for log in lab.plane.folder.glob("*.log"):
        shutil.copy(log, folder / f"control-plane-{log.name}")
    return [*(f"{name}.log" for name in lab.workers), "control-plane-*.log"]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make lab-demo", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--auto", action="store_true", help="answer by itself, as it does without a terminal")
    parser.add_argument("--keep", action="store_true", help="leave the lab standing afterwards")
    number = f"of the lab, 0 to 15; IMSBOT_LAB_NUMBER, or else 2; here {_NUMBER}"
    parser.add_argument("--number", type=int, default=_NUMBER, metavar="N", help=number)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

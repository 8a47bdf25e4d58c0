"""How long a look at all nodes takes: `imsbot sweep` beside a playbook with one task that runs the same script.

Each is a whole command, from its start to its end, connections included; both read as many nodes at once. How the
nodes answer is `fleet`'s.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bot.config import load_settings
from bot.core.facts import node_script
from tests.bench import ansible
from tests.bench.clock import median_s, run
from tests.bench.fleet import Fleet, healthy_fleet
from tests.bench.report import SIZES, SweepSeconds


async def measure(folder: Path, *, sizes: tuple[str, ...] = SIZES, short: int = 5, long: int = 3) -> SweepSeconds:
    """Medians, by number of nodes. Raises CommandFailed, PeersMissing."""
    bot, peer = {}, {}
    for size in sizes:
        async with healthy_fleet(folder / size, int(size)) as fleet:
            bot[size] = await median_s(lambda fleet=fleet: by_bot(fleet), short=short, long=long)
            peer[size] = await median_s(lambda fleet=fleet: by_ansible(fleet), short=short, long=long)
    return SweepSeconds(bot=bot, ansible=peer)


async def by_bot(fleet: Fleet) -> float:
    """Ends with 0 only when every node was read and nothing is wrong with any."""
    return await run(sys.executable, "-m", "bot", "sweep", "--config", str(fleet.config), "--output", "json")


async def by_ansible(fleet: Fleet) -> float:
    settings = load_settings(fleet.config)
    look = ansible.Command(("sh",), node_script(settings))
    return await ansible.play(fleet.inventory, [look], forks=settings.sweep.nodes_at_once, folder=fleet.folder)

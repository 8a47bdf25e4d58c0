"""How long a look at all nodes takes: `imsbot sweep` beside a playbook with one task that runs the same script.

Each is a whole command, from its start to its end, connections included; both read as many nodes at once. How the
nodes answer is `fleet`'s.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from bot.config import load_settings
from bot.core.facts import node_script
from tests.bench import ansible
from tests.bench.clock import medians_s, run
from tests.bench.fleet import Fleet, healthy_fleet
from tests.bench.report import SIZES, SweepSeconds


async def measure(folder: Path) -> SweepSeconds:
    """Medians, by number of nodes. Raises CommandFailed, PeersMissing."""
    bot, peer = {}, {}
    for size in SIZES:
        async with healthy_fleet(folder / size, int(size)) as fleet:
            took = await medians_s({"bot": partial(by_bot, fleet), "ansible": partial(by_ansible, fleet)})
        bot[size], peer[size] = took["bot"], took["ansible"]
    return SweepSeconds(bot=bot, ansible=peer)


async def by_bot(fleet: Fleet) -> float:
    """Ends with 0 only when every node was read and nothing is wrong with any."""
    return await run(sys.executable, "-m", "bot", "sweep", "--config", str(fleet.config), "--output", "json")


async def by_ansible(fleet: Fleet) -> float:
    settings = load_settings(fleet.config)
    look = ansible.Command(("sh",), node_script(settings))
    return await ansible.play(fleet.inventory, [look], forks=settings.sweep.nodes_at_once, folder=fleet.folder)

"""A lab for hands: `python -m tests.lab up`, and then kubectl, ssh and imsbot as on a real system.

build    only build what is not in the cache yet (about a quarter of an hour the first time)
up       build, start, make every worker ready for Kata, serve the stand-in's releases; say how to use it
status   say what of the lab is on this machine, and how to use it
down     take all of it away
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from bot.adapters.kube.resources import NODES, RUNTIME_CLASSES
from tests.lab.admin import administrator, until
from tests.lab.cluster import Lab, prepare_lab
from tests.lab.daemon import Daemon
from tests.lab.host import LabError
from tests.lab.kata.mirror import SERVED
from tests.lab.kata.release import lab_release
from tests.lab.kata.states import put
from tests.lab.node import Network
from tests.lab.node.cgroups import ControlGroups
from tests.lab.remains import Remains
from tests.sandbox.controllers import KATA_LABEL, kata_runtimeclass
from tests.sandbox.nodes.state import HEALTHY

ROOT = Path(__file__).parents[2]
MIRROR_PORT = 8490
_ARCHIVES_S = 120


async def build(state: Path, network: Network) -> None:
    lab = await prepare_lab(state, network)
    print(f"built: {lab.shim.parents[1]}")


async def up(state: Path, network: Network) -> None:
    await Remains(state, network).remove()
    print(
        "building what is not in the cache yet; the first time this takes about a quarter of an hour", flush=True
    )
    lab = await prepare_lab(state, network)
    print("starting the control plane and three workers", flush=True)
    await lab.start()
    await _equip(lab)
    archives = await _serve_releases(state, network, lab.shim)
    print(_render_usage(lab, archives))


async def status(state: Path, network: Network) -> None:
    found = Remains(state, network).found()
    print("\n".join(found) or f"nothing of lab {network.number} is on this machine")
    if found:
        lab = await prepare_lab(state, network)
        print(_render_usage(lab, _mirror(state, network).log.read_text().splitlines()))


async def down(state: Path, network: Network) -> None:
    remains = Remains(state, network)
    await remains.remove()
    if left := remains.found():
        raise LabError("this is left: " + ", ".join(left))


async def _equip(lab: Lab) -> None:
    """Make every worker one that runs Kata's jobs, as on a healthy system."""
    async with administrator(lab.admin_kubeconfig) as admin:
        await admin.create(RUNTIME_CLASSES, kata_runtimeclass())
        for name, worker in lab.workers.items():
            await put(worker, HEALTHY, lab_release(lab.shim))
            await admin.patch(NODES, name, {"metadata": {"labels": {KATA_LABEL: "true"}}})


async def _serve_releases(state: Path, network: Network, shim: Path) -> list[str]:
    """What the mirror says of each release that it serves."""
    mirror = _mirror(state, network)
    await mirror.start(
        *(sys.executable, "-m", "tests.lab.kata.mirror", "--host", network.gateway, "--port", str(MIRROR_PORT)),
        *("--shim", str(shim), "--folder", str(state / "releases")),
        directory=ROOT,
    )

    async def said() -> list[str] | None:
        lines = mirror.log.read_text().splitlines()
        if not mirror.running:
            raise LabError(f"the mirror has ended: {mirror.last_words()}")
        return lines if len(lines) == len(SERVED) else None

    return await until(said, _ARCHIVES_S)


def _mirror(state: Path, network: Network) -> Daemon:
    return Daemon(ControlGroups(f"{network.bridge}/mirror"), state / "mirror.log")


def _render_usage(lab: Lab, archives: list[str]) -> str:
    ssh = f"ssh -i {lab.client_key} -o UserKnownHostsFile={lab.known_hosts} -o IdentitiesOnly=yes"
    return "\n".join(
        [
            "",
            f"export KUBECONFIG={lab.admin_kubeconfig}",
            f"the bot's own  {lab.bot_kubeconfig}",
            *(f"{name}       {ssh} root@{worker.address}" for name, worker in lab.workers.items()),
            *(f"release        {archive}" for archive in archives),
            f"logs           {lab.plane.folder}/*.log",
        ]
    )


def main() -> None:
    commands = {"build": build, "up": up, "status": status, "down": down}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=commands)
    parser.add_argument("--state", type=Path, help="folder of the lab; by default build/lab-NUMBER")
    parser.add_argument("--number", type=int, default=0, help="of its network, 0 to 15; by default 0")
    options = parser.parse_args()
    state = (options.state or ROOT / f"build/lab-{options.number}").resolve()
    if os.geteuid() != 0:
        sys.exit("the lab needs root: it makes network namespaces, control groups and mounts")
    try:
        asyncio.run(commands[options.command](state, Network(options.number)))
    except (LabError, ValueError) as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()

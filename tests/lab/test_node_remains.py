"""A worker outlives the program that started it, whoever comes later finds it, and nothing of it remains then."""

import asyncio
import os
import sys
import textwrap
from pathlib import Path

from tests.lab.host import try_call
from tests.lab.node import Network
from tests.lab.node.alone import lone_worker
from tests.lab.node.cgroups import hierarchies

NAME = "ncn-w009"
ROOT = Path(__file__).parents[2]
STARTER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from tests.lab.node import Network
    from tests.lab.node.alone import lone_worker

    async def main():
        async with lone_worker(Path(sys.argv[1]), Network(int(sys.argv[2]))):
            print("up", flush=True)
            await asyncio.sleep(60)

    asyncio.run(main())
    """
)


async def test_what_a_killed_starter_left_is_found_and_taken_away(lone_folder: Path, network: Network) -> None:
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, str(lone_folder), str(network.number)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert b"up\n" == await starter.stdout.readline()
    starter.kill()
    await starter.communicate()
    left = await traces(network, lone_folder)
    async with lone_worker(lone_folder, network) as worker:
        assert "on\n" == await worker.run("echo on")
        up = await traces(network, lone_folder)
    assert (up, []) == (left, await traces(network, lone_folder))
    assert len(up) > 4


async def traces(network: Network, state: Path) -> list[str]:
    """What of the worker is on the host, but for files in its folder."""
    _, links, _ = await try_call("ip", "-brief", "link", "show", "master", network.bridge)
    ends = [line.split("@")[0] for line in links.splitlines() if line.startswith(f"{network.bridge}n9")]
    return [*ends, *await asyncio.to_thread(traces_in_files, network, state)]


def traces_in_files(network: Network, state: Path) -> list[str]:
    mounts = [Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    groups = [hierarchy / network.bridge / NAME for hierarchy in hierarchies()]
    named = f"{network.bridge}-{NAME}"
    return [
        *map(str, Path("/run/netns").glob(named)),
        *map(str, Path("/run/systemd/nspawn").glob(f"*/{named}")),
        *(str(mount) for mount in mounts if mount.is_relative_to(state)),
        *(str(group) for group in groups if group.exists()),
    ]

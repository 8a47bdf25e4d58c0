"""A sweep over many addresses that a few sshd's serve, some of them hanging: how long it takes.

    python -m tests.bench.addresses [ADDRESSES] [HANGING] [BOUND_S]

Each address is read by the bot's own surveyor over a connection of its own. What a worker answers was recorded
from a simulated one a moment before, because all of them share this machine's processors, as a fleet does not; and
the API's one answer is made up in memory. An address that hangs takes a connection and never says a word.
"""

import asyncio
import logging
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh

from bot.adapters.clock import SystemClock
from bot.adapters.rules_files import load_rules
from bot.adapters.ssh.nodes import SshNodes
from bot.adapters.telemetry import configure_logs
from bot.core.action import ApiChange, Outcome
from bot.core.drift import Row, State
from bot.core.facts import node_script
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.model import NodeRef
from bot.core.settings import Settings, Ssh
from bot.engine.look import Looker
from bot.engine.survey import Surveyor
from tests.adapters.ssh.sshd import Sshd, public
from tests.sandbox.nodes import HEALTHY, Nodes
from tests.unit.steps import samples

SERVERS = 4
SEED = 20261124
KEY = asyncssh.generate_private_key("ssh-ed25519")
"""Of the bot; all servers let it in."""


@dataclass(frozen=True, slots=True)
class Measured:
    took_s: float
    cpu_s: float
    """Of the bot's side alone."""
    rows: tuple[Row, ...]

    @property
    def states(self) -> Counter[State]:
        return Counter(row.state for row in self.rows if row.target.node is not None)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Node name -> address, the settings that lead there, and which of them hang."""

    settings: Settings
    hanging: frozenset[str]

    @property
    def names(self) -> list[str]:
        return list(self.settings.ssh.addresses)


class PaperCluster:
    """The API's answer to a sweep."""

    def __init__(self, names: list[str]) -> None:
        self._workers = tuple(samples.api_node(name, f"uid-{name}") for name in names)

    async def facts(self, reads: Reads) -> ClusterFacts:
        assert reads.target.node is None, "a sweep asks the API once, and not for each node"
        return replace(samples.cluster(node=None), workers=self._workers)

    async def apply(self, change: ApiChange, *, dry_run: bool = False) -> Outcome:
        raise AssertionError(f"a sweep changes nothing ({change}, {dry_run})")


@asynccontextmanager
async def crowd(folder: Path, addresses: int, hanging: int, cap: int, bound_s: float) -> AsyncIterator[Crowd]:
    settings = samples.settings(
        sweep={"nodes_at_once": cap}, checks={"waive": {"kvm": "simulated", "vsock": "simulated"}}
    )
    said = folder / "facts"
    said.write_bytes(await _recorded(folder, settings))
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(_server(folder / f"sshd{n}", said)) for n in range(SERVERS)]
        silent_port = await stack.enter_async_context(_silence())
        names = [f"ncn-w{n:03}" for n in range(addresses)]
        dead = frozenset(random.Random(SEED).sample(names, hanging))
        ports = {name: servers[n % SERVERS].port for n, name in enumerate(names)} | dict.fromkeys(
            dead, silent_port
        )
        ssh = servers[0].settings(names[0], facts_timeout_s=bound_s, connect_timeout_s=15)
        pins = (f"{name} {public(servers[n % SERVERS].host_key)}\n" for n, name in enumerate(names))
        ssh.known_hosts.write_text("".join(pins))
        places = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        yield Crowd(settings.model_copy(update={"ssh": ssh.model_copy(update={"addresses": places})}), dead)


async def _recorded(folder: Path, settings: Settings) -> bytes:
    """What a worker that is as it should be answers to the facts' script."""
    async with Nodes(folder / "nodes") as nodes:
        node = await nodes.add("ncn-w000", HEALTHY)
        ssh = Ssh(
            user=nodes.user,
            addresses=nodes.addresses,
            client_key=nodes.client_key,
            known_hosts=nodes.known_hosts,
        )
        async with SshNodes(ssh, _no_address).shell(NodeRef(node.name, "uid-0")) as shell:
            return await shell.read(node_script(settings))


@asynccontextmanager
async def _server(folder: Path, said: Path) -> AsyncIterator[Sshd]:
    # From the second level on bash does not read the ~/.bashrc of whoever runs this.
    options = (f"ForceCommand cat >/dev/null; cat {said}", "MaxStartups 100", "SetEnv SHLVL=2")
    server = Sshd(folder, options=options, client_key=KEY)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def _silence() -> AsyncIterator[int]:
    """A port where connections are taken, by the kernel alone, and nobody ever speaks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield int(listener.getsockname()[1])


async def sweep(crowd: Crowd) -> Measured:
    """One sweep, as the service and `imsbot sweep` make it."""
    settings, clock, cluster = crowd.settings, SystemClock(), PaperCluster(crowd.names)
    connects = settings.ssh.model_copy(update={"max_connects": 2 * settings.sweep.nodes_at_once})
    nodes = SshNodes(connects, _no_address)
    looker = Looker(settings=settings, rules=load_rules(), cluster=cluster, nodes=nodes, clock=clock)
    surveyor = Surveyor(settings, cluster, looker, clock)
    began, worked = time.monotonic(), time.process_time()
    rows = await surveyor.survey(await surveyor.scope(()))
    return Measured(time.monotonic() - began, time.process_time() - worked, rows)


async def _no_address(node: NodeRef) -> str:
    raise AssertionError(f"{node.name} has a configured address")


async def main(addresses: int = 500, hanging: int = 25, bound_s: float = 30.0) -> None:
    cap = 10
    with tempfile.TemporaryDirectory(prefix="imsbot-addresses-") as folder:
        async with crowd(Path(folder), addresses, hanging, cap, bound_s) as made:
            found = await sweep(made)
    allowed_s = (hanging / cap + 1) * bound_s
    counts = ", ".join(f"{count} {state}" for state, count in found.states.items())
    print(f"{addresses} addresses, {hanging} hanging, {cap} at once, bound {bound_s:g} s: {counts}")
    print(f"took {found.took_s:.1f} s, allowed {allowed_s:.1f} s; {found.cpu_s:.1f} s of processor time")
    wrong = [row.target.name for row in found.rows if row.unreadable and row.target.name not in made.hanging]
    if wrong:
        print(f"not readable though they do not hang: {', '.join(wrong)}")


if __name__ == "__main__":
    configure_logs(logging.ERROR)
    given = [float(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*map(int, given[:2]), *given[2:]))

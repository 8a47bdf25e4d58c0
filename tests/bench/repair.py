"""How long a repair takes from the answer to its end: the bot, a playbook, and a bare SSH connection.

One worker lacks the handlers in containerd's configuration; it is cordoned, its configuration merged and judged by
its own containerd, replaced with a way back armed, containerd restarted, a sandbox started and removed. The bot
does it as always: journal, Lease, units, facts before and after each act. Its canary pod is left out of its time,
and a repair that a person asked for has no quiet window.

The peers run the very commands of the bot's own journal, in its order, with its facts script before the first and
after each one, as somebody would who looks before going on. They keep no journal, hold no Lease, change nothing
in the cluster, and what they start dies or stays with the connection.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import yaml

from bot.config import load_settings
from bot.core.facts import node_script
from bot.core.incident import Incident, Phase
from bot.core.model import IncidentId, Result
from tests.bench import ansible
from tests.bench.ansible import Command
from tests.bench.clock import CommandFailed, medians_s
from tests.bench.fleet import ansible_inventory
from tests.bench.report import RepairSeconds
from tests.sandbox.api import NODES
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.nodes.login import login
from tests.sandbox.nodes.state import CONFIG
from tests.sandbox.whole import Sandbox, Worker
from tests.sandbox.whole.afterwards import journaled

NODE = "ncn-w001"
_WORKERS = {NODE: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}
_PROOF = ("verify-canary", "verify-cleanup")
"""Steps whose time is not counted."""
_TIMEOUT_S = 120


async def measure(folder: Path) -> RepairSeconds:
    """Medians. Raises CommandFailed when a repair does not heal, PeersMissing."""
    async with sandbox_of(folder) as sandbox:
        broken = BrokenNode.of(sandbox)
        await sandbox.bot.start()
        await broken.repair_by_bot()  # so that its commands are known
        commands = commands_of(sandbox)
        took = await medians_s(
            {
                "bot": broken.repair_by_bot,
                "bare_ssh": partial(broken.repair_by_ssh, commands),
                "ansible": partial(broken.repair_by_ansible, commands),
            }
        )
    return RepairSeconds(**took)


def sandbox_of(folder: Path) -> Sandbox:
    return Sandbox(folder, _WORKERS, changes={"limits": {"attempts_per_target": 10}})


@dataclass(frozen=True, slots=True)
class BrokenNode:
    """The worker, broken anew before each repair. Times are seconds."""

    sandbox: Sandbox
    text: bytes
    """containerd's configuration without the handlers."""

    @classmethod
    def of(cls, sandbox: Sandbox) -> BrokenNode:
        return cls(sandbox, sandbox.nodes[NODE].files.host_path(CONFIG).read_bytes())

    async def repair_by_bot(self) -> float:
        await self._break()
        known = {incident.id for incident in journaled(self.sandbox)}
        await self._say("repair", NODE)
        asked = await self._reached(Phase.ASKED, known)
        await self._say("approve", asked.id)
        return _took_s(await self._reached(Phase.CLOSED, known))

    async def repair_by_ssh(self, commands: tuple[Command, ...]) -> float:
        await self._break()
        began = time.monotonic()
        async with login(self.sandbox.nodes, NODE) as connection:
            for command in commands:
                done = await connection.run(shlex.join(command.argv), input=command.stdin)
                if done.exit_status != 0:
                    raise CommandFailed(f"{command.argv[0]} ended with {done.exit_status}: {done.stderr}")
        return time.monotonic() - began

    async def repair_by_ansible(self, commands: tuple[Command, ...]) -> float:
        await self._break()
        inventory = self.sandbox.folder / "inventory.yaml"
        inventory.write_text(yaml.safe_dump(ansible_inventory(self.sandbox.nodes, [NODE])))
        return await ansible.play(inventory, commands, forks=1, folder=self.sandbox.folder)

    async def _break(self) -> None:
        node = self.sandbox.nodes[NODE]
        node.files.host_path(CONFIG).write_bytes(self.text)
        await node.shell("systemctl restart containerd.service")
        await self.sandbox.until(lambda: holds(self.sandbox.registry.get(NODES, NODE), "Ready"), _TIMEOUT_S)

    async def _say(self, *arguments: str) -> None:
        code, out, error = await self.sandbox.bot.command(*arguments)
        if code != 0:
            raise CommandFailed(f"imsbot {' '.join(arguments)} ended with {code}: {out}{error}")

    async def _reached(self, phase: Phase, known: set[IncidentId]) -> Incident:
        """The new incident, when it is there or has gone beyond."""

        def there() -> Incident | None:
            new = (incident for incident in journaled(self.sandbox) if incident.id not in known)
            return next((i for i in new if i.phase in (phase, Phase.CLOSED, Phase.HELD)), None)

        incident = await self.sandbox.bot.until(there, _TIMEOUT_S)
        if incident.phase is not phase:
            raise CommandFailed(f"the repair is {incident.phase}:\n{self.sandbox.bot.tail()}")
        return incident


def _took_s(incident: Incident) -> float:
    """From the answer to the end, without the canary."""
    if incident.closed is None or incident.answer is None or incident.result is not Result.HEALED:
        raise CommandFailed(f"the repair ended as {incident.result}")
    proof_s = 0.0
    for step in incident.steps:
        if step.planned.name in _PROOF and step.began is not None and step.ended is not None:
            proof_s += (step.ended - step.began).total_seconds()
    return (incident.closed.at - incident.answer.at).total_seconds() - proof_s


def commands_of(sandbox: Sandbox) -> tuple[Command, ...]:
    """What the bot ran on the node in its latest repair, and a look before the first and after each."""
    look = Command(("sh",), node_script(load_settings(sandbox.bot.config)))
    latest = max(journaled(sandbox), key=lambda incident: incident.opened_at)
    acts = (act.command for step in latest.steps for act in step.acts if act.command is not None)
    return (look, *chain.from_iterable((Command(each.argv, each.stdin), look) for each in acts))

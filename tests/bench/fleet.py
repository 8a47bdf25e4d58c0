"""Simulated workers, a cluster that lists them, and what `imsbot` and `ansible-playbook` need to reach them.

Both find the same nodes: real sshd's with pinned host keys and one client key. No controllers run beside them, so
nothing but the two works while a clock runs.

The workers of a site read their facts on their own processors, all at the same time; fifty simulated ones would
do it on those of whoever reads them, and that would be most of what is measured. So each of them reads its facts
once, beforehand, and then answers the same script with the same output after `ANSWER_S`. Whatever else is run on a
node, logins and Ansible's modules among it, really runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.config import load_settings
from bot.core.facts import node_script
from tests.sandbox.api import NODES, RUNTIMECLASSES, ApiServer
from tests.sandbox.controllers import as_ready, install_ims, kata_runtimeclass, worker_node
from tests.sandbox.nodes import Node, Nodes
from tests.sandbox.whole.access import BOT
from tests.sandbox.whole.configuration import WAIVED

ANSWER_S = 0.25
"""What the script takes on a simulated worker that has the machine to itself."""

_ANSWERING_SHELL = f"""\
#!/bin/sh
# The facts script comes on standard input or as an argument; anything else is the real shell's.
[ $# -gt 0 ] || set -- -c "$(cat)"
case $2 in *'fact host'*'echo end'*) sleep {ANSWER_S}; exec cat /var/lib/answer ;; esac
exec /bin/sh "$@"
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    folder: Path
    names: tuple[str, ...]
    config: Path
    """Of `imsbot`."""
    inventory: Path
    """Of Ansible; every node by name."""


@asynccontextmanager
async def healthy_fleet(folder: Path, count: int) -> AsyncIterator[Fleet]:
    """`count` workers that lack nothing."""
    names = tuple(f"ncn-w{number:03}" for number in range(1, count + 1))
    api = ApiServer()
    install_ims(api.registry)
    api.registry.create(RUNTIMECLASSES, kata_runtimeclass())
    for name in names:
        api.registry.create(NODES, as_ready(worker_node(name)))
    async with Nodes(folder / "nodes") as nodes:
        await api.start()
        try:
            for name in names:
                await nodes.add(name)
            kubeconfig = api.kubeconfig(folder / "kubeconfig", api.access.add(BOT))
            config = _write(folder / "config.yaml", _configuration(folder, kubeconfig, nodes))
            inventory = _write(folder / "inventory.yaml", ansible_inventory(nodes, names))
            script = node_script(load_settings(config))
            for node in nodes:
                await _let_answer(node, script)
            yield Fleet(folder, names, config, inventory)
        finally:
            await api.stop()


async def _let_answer(node: Node, script: str) -> None:
    node.files.host_path("/var/lib/answer").write_text(await node.shell(script))
    shell = node.files.host_path("/usr/local/bin/sh")
    shell.write_text(_ANSWERING_SHELL)
    shell.chmod(0o755)


def ansible_inventory(nodes: Nodes, names: Sequence[str]) -> dict[str, object]:
    """Host keys are pinned, and the node's Python is named, which saves Ansible a look for it."""
    options = f"-o UserKnownHostsFile={nodes.known_hosts} -o GlobalKnownHostsFile=/dev/null"
    hosts = {}
    for name in names:
        host, port = nodes.addresses[name].split(":")
        hosts[name] = {
            "ansible_host": host,
            "ansible_port": int(port),
            "ansible_ssh_common_args": f"{options} -o StrictHostKeyChecking=yes -o HostKeyAlias={name}",
        }
    known = {
        "ansible_user": nodes.user,
        "ansible_ssh_private_key_file": str(nodes.client_key),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return {"all": {"hosts": hosts, "vars": known}}


def _configuration(folder: Path, kubeconfig: Path, nodes: Nodes) -> dict[str, object]:
    return {
        "journal": str(folder / "journal.sqlite"),
        "kubernetes": {"kubeconfig": str(kubeconfig)},
        "ssh": {
            "user": nodes.user,
            "client_key": str(nodes.client_key),
            "known_hosts": str(nodes.known_hosts),
            "addresses": nodes.addresses,
        },
        "canary": {"image": "registry.local/cray-ims-utils:stable"},
        "slack": {"enabled": False},
        "checks": {"waive": WAIVED},
    }


def _write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path

"""Simulated workers, a cluster that lists them, and what `imsbot` and `ansible-playbook` need to reach them.

Both find the same nodes: real sshd's with pinned host keys and one client key. No controllers run beside them, so
nothing but the two works while a clock runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.sandbox.api import NODES, RUNTIMECLASSES, ApiServer
from tests.sandbox.controllers import as_ready, install_ims, kata_runtimeclass, worker_node
from tests.sandbox.nodes import Nodes
from tests.sandbox.whole.access import BOT
from tests.sandbox.whole.configuration import WAIVED


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
            yield Fleet(folder, names, config, inventory)
        finally:
            await api.stop()


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

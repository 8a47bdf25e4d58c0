"""The lab as one thing: a control plane and three workers, started, put back and taken away together.

It outlives the program that starts it. What of it is on the host is found by the lab's number alone (`remains`):
a lab whose starter was killed is taken away like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bot.adapters.kube.resources import DAEMON_SETS, EVENTS, JOBS, LEASES, NODES, PODS, RUNTIME_CLASSES
from tests.lab.admin import Admin, administrator, until
from tests.lab.control_plane import ControlPlane, populate
from tests.lab.node import Network, Setup, Worker, prepare
from tests.lab.node.kit import Kit
from tests.lab.programs import Family, Programs
from tests.sandbox.controllers import IMS_NAMESPACE
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.whole.access import LEASE_NAMESPACE

NAMES: Final = ("ncn-w001", "ncn-w002", "ncn-w003")
_READY_S: Final = 60
_FORGOTTEN_S: Final = 30
_NAMESPACED: Final = (
    (DAEMON_SETS, "services"),
    (JOBS, IMS_NAMESPACE),
    (JOBS, "default"),
    (PODS, "services"),
    (PODS, IMS_NAMESPACE),
    (PODS, "default"),
    (EVENTS, IMS_NAMESPACE),
    (EVENTS, "default"),
    (LEASES, LEASE_NAMESPACE),
)
"""What tests and the bot leave behind, and where. Owners come before the pods that they would replace."""


class Lab:
    """Three workers of that `kit` behind that control plane. `shim` is the built stand-in for Kata's."""

    def __init__(self, kit: Kit, plane: ControlPlane, shim: Path) -> None:
        self.plane = plane
        self.shim = shim
        self.workers: Mapping[str, Worker] = {
            name: Worker(kit, name, index) for index, name in enumerate(NAMES, start=1)
        }
        self._kit = kit

    @property
    def gateway(self) -> str:
        """The host's address that the workers reach."""
        return self._kit.network.gateway

    @property
    def base(self) -> Path:
        """The Debian root under all workers; never to be written."""
        return self._kit.base

    @property
    def admin_kubeconfig(self) -> Path:
        return self.plane.admin_kubeconfig

    @property
    def bot_kubeconfig(self) -> Path:
        """With the rights of `deploy/rbac.yaml`."""
        return self.plane.bot_kubeconfig

    @property
    def client_key(self) -> Path:
        return self._kit.client.private

    @property
    def known_hosts(self) -> Path:
        """The workers' host keys as of the last start or reset."""
        return self._kit.state / "known_hosts"

    async def start(self, setups: Mapping[str, Setup] | None = None) -> None:
        """As `reset`, from nothing. Whatever was of this lab is forgotten. Raises LabError."""
        await self.plane.start()
        await populate(self.plane)
        await self.reset(setups)

    async def reset(self, setups: Mapping[str, Setup] | None = None) -> None:
        """Give every worker an empty disk, and the cluster no memory of nodes, jobs and repairs.

        `setups` are those of workers that differ from the usual one. Returns when every worker is Ready: without
        Kata, without its label, and without a RuntimeClass.
        """
        setups = setups or {}
        async with administrator(self.admin_kubeconfig) as admin, asyncio.timeout(_FORGOTTEN_S + _READY_S):
            await asyncio.gather(*(worker.stop() for worker in self.workers.values()))
            await _forget(admin)
            await asyncio.gather(
                *(
                    worker.reset(setups.get(name, Setup()), self.plane.node_kubeconfig(name))
                    for name, worker in self.workers.items()
                )
            )
            self.known_hosts.write_text("".join(worker.known_hosts for worker in self.workers.values()))
            for name in self.workers:
                await self.ready(admin, name)

    async def ready(self, admin: Admin, name: str) -> None:
        """Returns when the node is Ready and takes pods. Raises TimeoutError."""

        async def takes_pods() -> bool:
            node = await admin.find(NODES, name)
            return node is not None and holds(node, "Ready") and not node["spec"].get("taints")

        await until(takes_pods, _READY_S)


async def prepare_lab(state: Path, network: Network) -> Lab:
    """Build whatever is not in the cache yet. `state` is the lab's folder, absolute. Raises LabError."""
    programs = Programs()
    kit = await prepare(state, network, programs)
    for family in (Family.ETCD, Family.KUBERNETES):
        await programs.folder(family)
    shim = await programs.path(Family.KATA_SHIM, "containerd-shim-kata-v2")
    return Lab(kit, ControlPlane(state / "control-plane", network, programs), shim)


async def _forget(admin: Admin) -> None:
    for resource, namespace in _NAMESPACED:
        await admin.delete_all(resource, namespace)
    await admin.delete_all(NODES)
    await admin.delete_all(RUNTIME_CLASSES)
    await until(lambda: _nothing_left(admin), _FORGOTTEN_S)


async def _nothing_left(admin: Admin) -> bool:
    """Pods of Jobs go when the Job controller has let them go."""
    left: list[Any] = await admin.list(NODES)
    for resource, namespace in _NAMESPACED:
        if resource is not EVENTS:
            left += await admin.list(resource, namespace)
    return not left

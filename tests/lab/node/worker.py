"""One worker of the lab: disk, cable, machine and containerd under one name, for tests and for hands.

All that it is follows from its name, its index and the lab's `Kit`; nothing is remembered between programs. So
`down` in another program finds what `up` has started.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from tests.lab.host import LabError
from tests.lab.node.cgroups import ControlGroups
from tests.lab.node.identity import KeyPair
from tests.lab.node.kit import Kit
from tests.lab.node.machine import Machine
from tests.lab.node.network import Cable
from tests.lab.node.rootfs import Disk
from tests.lab.node.setup import Setup, write_identity, write_kubelet
from tests.lab.node.software import software

_SSH_PORT = 22
_READY_S, _POLL_S = 60.0, 0.05


class Worker:
    """`index` counts from 1 and decides the addresses: 1 for `ncn-w001`."""

    def __init__(self, kit: Kit, name: str, index: int) -> None:
        self.name = name
        self._kit = kit
        self._directory = kit.state / "workers" / name
        self._cable: Cable = kit.network.cable(name, index)
        self._disk = Disk(self._directory)
        self._host_key = KeyPair(kit.state / "keys" / name)
        identity = f"{kit.network.bridge}-{name}"
        groups = ControlGroups(f"{kit.network.bridge}/{name}")
        self._machine = Machine(identity, name, self._disk.root, groups, self._directory / "console.log")

    # Where it is

    @property
    def address(self) -> str:
        """Its InternalIP."""
        return self._cable.address

    @property
    def pods(self) -> str:
        """Its pods' addresses."""
        return self._cable.pods

    @property
    def ssh_address(self) -> str:
        return f"{self.address}:{_SSH_PORT}"

    @property
    def client_key(self) -> Path:
        return self._kit.client.private

    @property
    def known_hosts(self) -> str:
        """One line that pins its present host key, by its name and by its address."""
        names = (self.name, f"[{self.name}]:{_SSH_PORT}", self.address)
        return f"{','.join(names)} {self._host_key.public}\n"

    @property
    def root(self) -> Path:
        """Its `/`, seen from the host."""
        return self._disk.root

    def host_path(self, inside: str) -> Path:
        """Where a file of it lies on the host; neither links in it nor mounts made since the boot are followed."""
        return self._disk.host_path(inside)

    # On and off

    async def reset(self, setup: Setup = Setup(), kubeconfig: Path | None = None) -> None:  # noqa: B008 - frozen
        """Switch it on with an empty disk; whatever it was before is lost, the host key stays.

        Returns when sshd listens and containerd answers. Without `kubeconfig` it has no kubelet. Raises LabError.
        """
        await self.remove()
        self._directory.mkdir(parents=True)
        self._kit.client.ensure("imsbot-lab")
        self._host_key.ensure(self.name)
        await self._kit.network.up()
        await self._cable.lay()
        layer = await asyncio.to_thread(
            software, self._kit.state, self._kit.base, self._kit.programs, setup.containerd
        )
        await self._disk.mount(layer, self._kit.base)
        write_identity(self._disk, self.name, self._cable, client=self._kit.client, host=self._host_key)
        setup.write(self._disk)
        if kubeconfig is not None:
            write_kubelet(self._disk, self.name, self._cable, kubeconfig)
        await self.start()

    async def start(self) -> None:
        """Boot from the disk as it is. It must be off, and have been reset once."""
        await self.plug_cable()
        await self._machine.boot(self._cable.namespace_path, self._disk.plain)
        await self._ready()

    async def stop(self) -> None:
        """Cut the power. What lies on the disk stays."""
        await self._machine.power_off()

    async def reboot(self) -> None:
        """A hard reset: sessions, processes, transient units and /run are gone."""
        await self.stop()
        await self.start()

    async def remove(self) -> None:
        """Leave nothing of it on the host but its host key."""
        await self._machine.power_off()
        await self._disk.unmount()
        await self._cable.remove()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    # What can be done to it

    async def run(self, command: str) -> str:
        """stdout of a shell command as root, past sshd. Raises LabError when it fails."""
        return await self._machine.run(command)

    async def try_run(self, command: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        return await self._machine.try_run(command)

    async def cut_cable(self) -> None:
        """It goes on, and nobody reaches it."""
        await self._cable.cut()

    async def plug_cable(self) -> None:
        await self._cable.plug()

    async def cut_sessions(self) -> int:
        """Kill the servers of all SSH logins, as a crash of them does, never what they started; how many."""
        found = await self.run("pgrep -xf 'sshd: .*@.*' || true")
        await self.run(f"kill -9 {found} 2>/dev/null || true".replace("\n", " "))
        return len(found.split())

    async def change_host_key(self) -> None:
        """As a rebuild of the node does."""
        self._host_key.renew(self.name)
        write_identity(self._disk, self.name, self._cable, client=self._kit.client, host=self._host_key)
        await self.run("systemctl restart ssh")

    async def fill_opt(self, left_bytes: int = 1 << 20) -> None:
        """Put /opt with all that is in it onto a file system with hardly any room, until the next boot."""
        used = int(await self.run("du -s --block-size=1 /opt | cut -f1"))
        await self.run(
            "set -e; mkdir -p /run/small\n"
            f"mount -t tmpfs -o size={used + left_bytes},mode=755 tmpfs /run/small\n"
            "cp -a /opt/. /run/small/; mount --bind /run/small /opt; umount /run/small"
        )

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                await self._answers()
                while (await self.try_run("crictl info"))[0] != 0:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            _, out, _ = await self.try_run("systemctl --failed --no-legend; journalctl -qu containerd -n 5")
            raise LabError(f"{self.name}: sshd and containerd were not up within {_READY_S:g} s: {out}") from None

    async def _answers(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.address, _SSH_PORT)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(_POLL_S)

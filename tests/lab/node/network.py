"""The lab's own network: a bridge on the host, and per worker a network namespace on a veth.

So every worker has ports 22 and 10250 and its own `cni0`, and its InternalIP is real. Addresses are derived from
the lab's number, so that several labs can stand on one machine; nothing here is routed anywhere, and no packet
leaves the host.

    lab N       bridge `imslabN`, 10.213.N.1/24; services 10.215.N.0/24
    worker I    10.213.N.(100+I), pods 10.214.(16·N+I).0/24, namespace `imslabN-NAME`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import call, call_each, try_call

_NAMESPACES = Path("/run/netns")
_MOST_LABS, _MOST_WORKERS = 15, 15


@dataclass(frozen=True, slots=True)
class Network:
    """Lab `number`, 0 to 15."""

    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.number <= _MOST_LABS:
            raise ValueError(f"a lab's number is 0 to {_MOST_LABS}, not {self.number}")

    @property
    def bridge(self) -> str:
        return f"imslab{self.number}"

    @property
    def gateway(self) -> str:
        """The host's address on the bridge."""
        return f"10.213.{self.number}.1"

    @property
    def services(self) -> str:
        return f"10.215.{self.number}.0/24"

    @property
    def dns(self) -> str:
        """Where pods would look for names. Nobody answers there."""
        return f"10.215.{self.number}.10"

    def cable(self, name: str, index: int) -> Cable:
        """Of worker `index`, counted from 1."""
        if not 1 <= index <= _MOST_WORKERS:
            raise ValueError(f"a worker's index is 1 to {_MOST_WORKERS}, not {index}")
        return Cable(
            network=self,
            namespace=f"{self.bridge}-{name}",
            host_end=f"{self.bridge}n{index}",
            address=f"10.213.{self.number}.{100 + index}",
            pods=f"10.214.{16 * self.number + index}.0/24",
            mac=f"02:69:6d:73:{self.number:02x}:{index:02x}",
        )

    async def up(self) -> None:
        """Make the bridge; nothing when it is there."""
        code, _, _ = await try_call("ip", "link", "show", self.bridge)
        if code == 0:
            return
        await call_each(
            (
                ("ip", "link", "add", self.bridge, "type", "bridge", "forward_delay", "0"),
                ("ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge),
                ("ip", "link", "set", self.bridge, "up"),
            )
        )

    async def down(self) -> None:
        """Take the bridge away, when no worker hangs on it; nothing when there is none."""
        _, workers, _ = await try_call("ip", "-brief", "link", "show", "master", self.bridge)
        if not workers:
            await try_call("ip", "link", "delete", self.bridge)


@dataclass(frozen=True, slots=True)
class Cable:
    """What connects one worker to the bridge. The worker's end is `eth0` in its namespace."""

    network: Network
    namespace: str
    host_end: str
    address: str
    pods: str
    """Its pods' addresses."""
    mac: str
    """Always the same, because the host remembers for most of a minute whose address is where."""

    @property
    def namespace_path(self) -> Path:
        return _NAMESPACES / self.namespace

    async def lay(self) -> None:
        """Namespace, veth, address, default route. The bridge must be up."""
        inside = ("ip", "-n", self.namespace)
        end = ("address", self.mac, "netns", self.namespace)
        await call_each(
            (
                ("ip", "netns", "add", self.namespace),
                ("ip", "link", "add", self.host_end, "type", "veth", "peer", "name", "eth0", *end),
                ("ip", "link", "set", self.host_end, "master", self.network.bridge, "up"),
                (*inside, "address", "add", f"{self.address}/24", "dev", "eth0"),
                (*inside, "link", "set", "lo", "up"),
                (*inside, "link", "set", "eth0", "up"),
                (*inside, "route", "add", "default", "via", self.network.gateway),
            )
        )

    async def remove(self) -> None:
        """Nothing when it is not laid."""
        await try_call("ip", "link", "delete", self.host_end)
        if self.namespace_path.exists():
            await call("ip", "netns", "delete", self.namespace)

    async def cut(self) -> None:
        """No packet passes until `plug`; both sides keep their connections."""
        await call("ip", "link", "set", self.host_end, "down")

    async def plug(self) -> None:
        await call("ip", "link", "set", self.host_end, "up")

"""What all workers of a lab share, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.node.identity import KeyPair
from tests.lab.node.limits import raise_limits
from tests.lab.node.network import Network
from tests.lab.node.rootfs import debian_root
from tests.lab.node.software import Containerd, NodePrograms
from tests.lab.programs import Family, Programs

_FAMILIES = {Containerd.V1_7: Family.CONTAINERD_17, Containerd.V2: Family.CONTAINERD_2}
_OF_CONTAINERD = ("containerd", "ctr", "containerd-shim-runc-v2")


@dataclass(frozen=True, slots=True)
class Kit:
    state: Path
    """Folder of this lab; absolute."""
    base: Path
    """The Debian root."""
    programs: NodePrograms
    network: Network

    @property
    def client(self) -> KeyPair:
        """Whoever has it is root on every worker."""
        return KeyPair(self.state / "keys/client")


async def prepare(
    state: Path, network: Network, programs: Programs, versions: Iterable[Containerd] = Containerd
) -> Kit:
    """Build whatever is not in the cache yet: Debian's root, and the programs of workers with those containerds.

    `state` is the absolute path of the lab's folder. Raises LabError.
    """
    raise_limits()
    built = {
        version: tuple([await programs.path(_FAMILIES[version], name) for name in _OF_CONTAINERD])
        for version in versions
        if version in _FAMILIES
    }
    crictl = await programs.path(Family.CRICTL, "crictl")
    kubelet = await programs.path(Family.KUBERNETES, "kubelet")
    base = await debian_root(programs.cache)
    return Kit(state, base, NodePrograms(crictl, kubelet, built), network)

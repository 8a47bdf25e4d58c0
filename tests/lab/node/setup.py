"""What is written onto a worker's empty disk before its first boot: who it is, and which containerd it has."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.lab.node.identity import KeyPair
from tests.lab.node.network import Cable
from tests.lab.node.rootfs import Disk
from tests.lab.node.software import Containerd
from tests.sandbox.nodes.state import CONFIG, UnitKind, render_config, write_unit

_FILES = Path(__file__).parent / "files"
_KUBERNETES = "/etc/kubernetes"
_LAST_COMMON_LINE = "    max_container_log_line_size = -1\n"
_ADDED = """\
    # The host may withhold the right to lower an oom_score_adj.
    restrict_oom_score_adj = true
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
"""


@dataclass(frozen=True, slots=True)
class Setup:
    """Which containerd a worker has. The defaults are Debian's, with its own unit."""

    containerd: Containerd = Containerd.V1_6
    unit: UnitKind = UnitKind.PLAIN
    schema: int = 2
    """Of the configuration: 2, or with containerd 2 also 3."""

    def __post_init__(self) -> None:
        if self.schema not in ((2, 3) if self.containerd is Containerd.V2 else (2,)):
            raise ValueError(f"containerd {self.containerd} reads no configuration of schema {self.schema}")

    def render_config(self) -> str:
        """containerd's file without any Kata handler."""
        if self.schema == 3:
            return (_FILES / "config-3.toml").read_text(encoding="utf-8")
        text = render_config(()).replace("SystemdCgroup = true", "SystemdCgroup = false")
        return text.replace(_LAST_COMMON_LINE, _LAST_COMMON_LINE + _ADDED)

    def write(self, disk: Disk) -> None:
        _write(disk, CONFIG, self.render_config())
        if self.unit is UnitKind.CSM or self.containerd is not Containerd.V1_6:
            write_unit(disk, self.unit)


def write_identity(disk: Disk, name: str, cable: Cable, *, client: KeyPair, host: KeyPair) -> None:
    _write(disk, "/etc/hostname", f"{name}\n")
    _write(disk, "/etc/hosts", f"127.0.0.1 localhost\n{cable.address} {name}\n")
    _write(disk, "/etc/resolv.conf", "# There is nobody to ask.\n")
    _write(disk, "/root/.ssh/authorized_keys", f"{client.public}\n")
    _write(disk, "/etc/ssh/ssh_host_ed25519_key", host.private.read_text(), mode=0o600)
    _write(disk, "/etc/ssh/ssh_host_ed25519_key.pub", f"{host.public}\n")
    _write(disk, "/etc/cni/net.d/10-lab.conflist", json.dumps(_pod_network(cable.pods), indent=2) + "\n")


def write_kubelet(disk: Disk, name: str, cable: Cable, kubeconfig: Path) -> None:
    """Credentials with all certificates and keys inside the file: only that is carried over."""
    content = kubeconfig.read_text()
    authority = yaml.safe_load(content)["clusters"][0]["cluster"]["certificate-authority-data"]
    _write(disk, f"{_KUBERNETES}/kubelet.conf", content, mode=0o600)
    _write(disk, f"{_KUBERNETES}/ca.crt", base64.b64decode(authority).decode())
    _write(disk, f"{_KUBERNETES}/kubelet.env", f"NODE_NAME={name}\nNODE_IP={cable.address}\n")
    template = (_FILES / "kubelet.yaml").read_text(encoding="utf-8")
    _write(disk, f"{_KUBERNETES}/kubelet.yaml", template.replace("CLUSTER_DNS", cable.network.dns))


def _pod_network(addresses: str) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": addresses}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge]}


def _write(disk: Disk, inside: str, content: str, mode: int = 0o644) -> None:
    file = disk.host_path(inside)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)

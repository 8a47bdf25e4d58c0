"""How the programs of the control plane are started. What is not said here is their default.

Only the API server is on the bridge, because workers must reach it. The controller-manager and the scheduler serve
nothing; they are alone, so they elect no leader.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab.node.network import Network
from tests.sandbox.api.authority import Authority, Issued

PORT = 6443
_FIRST_ETCD_PORT = 23790
_NODE_GRACE_S = 20
"""By default 50 s. Kubelets of the lab report every 2 s, and tests wait for a node that is gone."""


@dataclass(frozen=True, slots=True)
class Flags:
    """`etcd_data` is the folder that holds all that the cluster knows."""

    network: Network
    authority: Authority
    etcd_data: Path

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.network.gateway}:{PORT}"

    def etcd(self) -> tuple[str, ...]:
        clients, peers = (f"http://127.0.0.1:{port}" for port in self._etcd_ports)
        return (
            "--name=lab",
            f"--data-dir={self.etcd_data}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=lab={peers}",
            "--unsafe-no-fsync",  # the machine's power is not the lab's concern
            "--log-level=warn",
        )

    def api_server(self, serving: Issued, to_kubelets: Issued) -> tuple[str, ...]:
        accounts = self.authority.service_account_key
        return (
            f"--etcd-servers=http://127.0.0.1:{self._etcd_ports[0]}",
            f"--bind-address={self.network.gateway}",
            f"--advertise-address={self.network.gateway}",
            f"--secure-port={PORT}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--kubelet-client-certificate={to_kubelets.certificate}",
            f"--kubelet-client-key={to_kubelets.key}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            f"--service-cluster-ip-range={self.network.services}",
            "--allow-privileged=true",  # IMS's build containers are
        )

    def controller_manager(self, kubeconfig: Path) -> tuple[str, ...]:
        return (
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={self.authority.service_account_key}",
            f"--root-ca-file={self.authority.certificate}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--secure-port=0",
            f"--node-monitor-grace-period={_NODE_GRACE_S}s",
            "--node-monitor-period=2s",
        )

    def scheduler(self, kubeconfig: Path) -> tuple[str, ...]:
        return (f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")

    @property
    def _etcd_ports(self) -> tuple[int, int]:
        """For clients and for peers, of which there are none; on loopback, so each lab has its own."""
        first = _FIRST_ETCD_PORT + 2 * self.network.number
        return first, first + 1

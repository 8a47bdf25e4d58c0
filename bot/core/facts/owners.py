"""Signs that somebody else owns containerd's configuration or Kata on this node.

k3s, rke2, k0s and microk8s render the file again at will, so an edit would be futile; kata-deploy keeps its
own drop-in and would fight ours (kata-failures.md 3 and 5).
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "owners"
SIGNS = (
    ("k3s", "/var/lib/rancher/k3s/agent/etc/containerd"),
    ("rke2", "/var/lib/rancher/rke2/agent/etc/containerd"),
    ("k0s", "/etc/k0s/containerd.toml"),
    ("microk8s", "/var/snap/microk8s/current/args/containerd.toml"),
    ("kata-deploy", "/opt/kata/containerd/config.d/kata-deploy.toml"),
    ("kata-deploy", "/etc/containerd/conf.d/kata-deploy.toml"),
)
COMMAND = "\n".join(f"[ ! -e {path} ] || echo '{owner}={path}'" for owner, path in SIGNS)


@dataclass(frozen=True, slots=True)
class Owners:
    signs: tuple[tuple[str, str], ...]
    """(owner, path that gives it away)."""


def parse(output: Output) -> Owners:
    return Owners(tuple(sorted(output.fields().items())))

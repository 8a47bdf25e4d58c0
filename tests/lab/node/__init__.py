"""The lab's workers: systemd containers with a real kubelet, containerd and sshd. They need root and no KVM.

worker     one of them under one name: what tests use
alone      one without a cluster, for tests that need no kubelet
kit        what all workers of a lab share, and where it comes from
machine    the container that boots, and its power switch
rootfs     its disk: a Debian root for all, an overlay for each
software   what is installed beside Debian, with the containerd that was chosen
setup      what is written onto an empty disk: identity, containerd's configuration, the kubelet's
network    bridge, network namespaces, cables
cgroups    a tree of control groups per worker
limits     what the host must grant
images     busybox as the images of a cluster without a registry
identity   the keys of logins and hosts
"""

from tests.lab.host import LabError
from tests.lab.node.kit import Kit, prepare
from tests.lab.node.network import Network
from tests.lab.node.rootfs import debian_root
from tests.lab.node.setup import Setup
from tests.lab.node.software import Containerd, NodePrograms
from tests.lab.node.worker import Worker
from tests.sandbox.nodes.state import UnitKind

__all__ = [
    "Containerd",
    "Kit",
    "LabError",
    "Network",
    "NodePrograms",
    "Setup",
    "UnitKind",
    "Worker",
    "debian_root",
    "prepare",
]

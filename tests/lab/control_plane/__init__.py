"""The lab's control plane: etcd and Kubernetes as released, on loopback and the lab's own bridge only.

plane        the four programs as one: start, stop, restart the API server
flags        how each of them is started
population   what every cluster of the lab holds from the beginning: IMS's namespace, the bot's identity and rights
kubeconfig   credentials as files
"""

from tests.lab.control_plane.plane import ControlPlane
from tests.lab.control_plane.population import populate

__all__ = ["ControlPlane", "populate"]

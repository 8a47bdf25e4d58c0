"""`imsbot explain --cluster` joins with what the API server says now."""

from pathlib import Path

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.resources import NODES, PODS
from bot.cli.live_objects import read_live, usual_kubernetes
from bot.core.objects import Node, Pod
from bot.core.settings import Kubernetes
from bot.core.world import Missing
from tests.adapters.kube.objects import node, pod, unique


async def test_live_objects_are_complete_so_what_is_not_there_is_absent(
    api: ApiClient, kubeconfig: Path, namespace: str
) -> None:
    worker = unique("ncn-w")
    await api.create(NODES, node(worker))
    await api.create(PODS, pod("build", nodeName=worker), namespace)
    live = await read_live(Kubernetes(kubeconfig=kubeconfig, ims_namespaces=(namespace,)))
    assert isinstance(live.objects.node(worker), Node)
    assert isinstance(live.objects.pod(namespace, "build"), Pod)
    assert Missing.ABSENT is live.objects.job(namespace, "build")
    assert Missing.ABSENT is live.objects.runtime_class(unique("kata"))
    assert live.at.year > 2000


def test_without_a_configuration_the_way_of_kubectl_is_taken(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert usual_kubernetes(home).kubeconfig is None
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").touch()
    assert tmp_path / ".kube" / "config" == usual_kubernetes(home).kubeconfig
    assert Path("/a") == usual_kubernetes({**home, "KUBECONFIG": "/a:/b"}).kubeconfig

"""Who else has a hand on a node, as far as the API's objects tell: people, CSM's lifecycle, another installer.

Only given objects are judged: what nobody has shown blocks nothing here, and is read live before any repair
(`bot/core/policy.py`). Each claim is a `Blocker` of the same name there.
"""

from collections.abc import Iterable, Iterator

from bot.core.marks import HOLD, cordoned_by, hold_reason
from bot.core.model import Blocker
from bot.core.objects import Node, Pod

NLS_LABEL = "cray.nls"
"""CSM's NCN lifecycle puts it on a node that is being rebuilt or drained (domain.md 4.1)."""

INSTANCE_LABEL_PREFIX = "kata-deploy.katacontainers.io/"
"""kata-deploy marks the nodes that it holds with `<prefix><its suffix or default>` (kata-failures.md 3)."""

ARCHITECTURE = "amd64"
"""All management NCNs are x86_64 (domain.md 1.3)."""


def claims_on(node: Node, pods: Iterable[Pod]) -> tuple[Blocker, ...]:
    """Every claim on the node; `pods` may be those of the whole cluster."""
    return (*_people(node), *_runtime(node), *_owner(node, pods))


def owners_in(nodes: Iterable[Node], pods: Iterable[Pod]) -> tuple[Blocker, ...]:
    """Another installer of Kata anywhere: whoever runs it also manages the cluster's RuntimeClasses."""
    signs = [*(sign for node in nodes for sign in _node_signs(node)), *map(_pod_sign, filter(installs_kata, pods))]
    return (_other_owner("in this cluster", signs),) if signs else ()


def _people(node: Node) -> Iterator[Blocker]:
    name = node.metadata.name
    reason = hold_reason(node)
    if reason is not None:
        yield Blocker("hold", f"{HOLD} on {name} says: {reason}")
    rebuild = node.metadata.label(NLS_LABEL)
    if rebuild is not None:
        yield Blocker("cray-nls", f"{name} has the label {NLS_LABEL}={rebuild}: CSM is working on it")
    if node.cordoned and cordoned_by(node) is None:
        yield Blocker("foreign-cordon", f"{name} is cordoned, and not by this bot")


def _runtime(node: Node) -> Iterator[Blocker]:
    name, info = node.metadata.name, node.status.node_info
    if info.container_runtime_version and not info.container_runtime_version.startswith("containerd://"):
        yield Blocker("runtime", f"the kubelet of {name} uses {info.container_runtime_version}, not containerd")
    if info.architecture and info.architecture != ARCHITECTURE:
        yield Blocker("architecture", f"{name} is {info.architecture}; Kata is only installed on {ARCHITECTURE}")


def _owner(node: Node, pods: Iterable[Pod]) -> Iterator[Blocker]:
    here = (pod for pod in pods if pod.spec.node_name == node.metadata.name and installs_kata(pod))
    signs = [*_node_signs(node), *map(_pod_sign, here)]
    if signs:
        yield _other_owner(f"on {node.metadata.name}", signs)


def _other_owner(where: str, signs: Iterable[str]) -> Blocker:
    return Blocker("other-owner", f"somebody else manages Kata {where}: {', '.join(signs)}")


def _node_signs(node: Node) -> Iterator[str]:
    name = node.metadata.name
    yield from (f"label {k} of {name}" for k in node.metadata.labels or {} if k.startswith(INSTANCE_LABEL_PREFIX))
    # the start-up taint's key is the installation's own choice; its domain is not
    yield from (
        f"taint {taint.key} of {name}"
        for taint in node.spec.taints or ()
        if taint.key.partition("/")[0].endswith("katacontainers.io")
    )


def installs_kata(pod: Pod) -> bool:
    """Whether it is a pod of kata-deploy that is not through, by its labels or its DaemonSet."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return False
    names = (pod.metadata.label(key) or "" for key in ("name", "app", "app.kubernetes.io/name"))
    by_label = any(name == "kata-deploy" or name.startswith("kata-deploy-") for name in names)
    owners = pod.metadata.owner_references or ()
    return by_label or any(o.kind == "DaemonSet" and o.name.startswith("kata-deploy") for o in owners)


def _pod_sign(pod: Pod) -> str:
    return f"pod {pod.metadata.namespace}/{pod.metadata.name}"

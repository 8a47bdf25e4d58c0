"""What the tests of the adapter share: objects whole enough for a real API server."""

import secrets

from bot.core.objects import RawObject


def unique(stem: str) -> str:
    """A name that no other test and no earlier run on the same server uses."""
    return f"{stem}-{secrets.token_hex(4)}"


def pod(name: str, **spec: object) -> RawObject:
    """Left alone by the scheduler of a real cluster."""
    containers = [{"name": "main", "image": "registry.local/busybox:1"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, "schedulerName": "nobody", **spec},
    }


def runtime_class(name: str) -> RawObject:
    metadata = {"name": name}
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": "kata-qemu"}


def node(name: str, **metadata: object) -> RawObject:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, **metadata}}


def event(name: str, namespace: str, *, kind: str = "Warning", uid: str = "u-1") -> RawObject:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "p", "uid": uid},
        "type": kind,
        "reason": "FailedCreatePodSandBox",
        "message": 'no runtime for "kata-qemu" is configured',
        "source": {"component": "kubelet", "host": "ncn-w001"},
    }


def daemonset(name: str) -> RawObject:
    labels = {"name": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(name)["spec"]},
        },
    }

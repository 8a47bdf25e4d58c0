"""The DaemonSet controller: one pod on every worker, and a new one where the pod's template is an old one.

As with the default update strategy (maxUnavailable 1), the next old pod goes only when all others are Ready.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from ..api import DAEMONSETS, NODES, PODS, KubeObject, Registry
from .conditions import holds

_REVISION = "controller-revision-hash"
_WORKERS = "ncn-w"


class DaemonSetController:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def sync(self) -> float | None:
        for daemonset in self._registry.list(DAEMONSETS):
            self._sync(daemonset)
        return None

    def _sync(self, daemonset: KubeObject) -> None:
        pods = [pod for pod in self._registry.list(PODS) if _owner_uid(pod) == daemonset["metadata"]["uid"]]
        there = {pod["spec"]["nodeName"] for pod in pods}
        for node in self._workers():
            if node not in there:
                self._registry.create(PODS, _pod_of(daemonset, node), daemonset["metadata"]["namespace"])
        old = [pod for pod in pods if pod["metadata"]["labels"][_REVISION] != _revision(daemonset)]
        if old and len(there) == len(pods) and all(_stands(pod) for pod in pods):
            metadata = old[0]["metadata"]
            self._registry.delete(PODS, metadata["name"], metadata["namespace"])

    def _workers(self) -> Iterator[str]:
        names = (node["metadata"]["name"] for node in self._registry.list(NODES))
        return (name for name in names if name.startswith(_WORKERS))


def _stands(pod: KubeObject) -> bool:
    return holds(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]


def _owner_uid(pod: KubeObject) -> str:
    owners = pod["metadata"].get("ownerReferences", ())
    return next((owner["uid"] for owner in owners if owner["kind"] == "DaemonSet"), "")


def _revision(daemonset: KubeObject) -> str:
    template = json.dumps(daemonset["spec"]["template"], sort_keys=True)
    return hashlib.sha256(template.encode()).hexdigest()[:10]


def _pod_of(daemonset: KubeObject, node: str) -> KubeObject:
    metadata, template = daemonset["metadata"], daemonset["spec"]["template"]
    own = template.get("metadata") or {}
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "labels": {**own.get("labels", {}), _REVISION: _revision(daemonset)},
            "annotations": own.get("annotations", {}),
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "DaemonSet",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            **template["spec"],
            "nodeName": node,
            "restartPolicy": "Always",
            "tolerations": [{"operator": "Exists"}],
        },
    }

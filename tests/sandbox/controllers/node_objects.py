"""Builders of NCNs and of the Kata RuntimeClass as a CSM system has them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ..api import KubeObject

KATA_LABEL = "katacontainers.io/kata-runtime"
_ANNOTATIONS = {
    "node.alpha.kubernetes.io/ttl": "0",
    "volumes.kubernetes.io/controller-managed-attach-detach": "true",
}


def kata_runtimeclass(name: str = "kata-qemu", handler: str = "") -> KubeObject:
    """As CSM's NCN bring-up applies it."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name},
        "handler": handler or name,
        "overhead": {"podFixed": {"memory": "160Mi", "cpu": "250m"}},
        "scheduling": {"nodeSelector": {KATA_LABEL: "true"}},
    }


def worker_node(
    name: str,
    *,
    internal_ip: str = "127.0.0.1",
    kata_label: bool = True,
    labels: Mapping[str, str] | None = None,
    containerd: str = "1.7.27",
    kernel: str = "6.4.0-150600.23.47-default",
    architecture: str = "amd64",
    cpu: str = "64",
    memory: str = "256Gi",
) -> KubeObject:
    """A worker NCN as its kubelet registers it; conditions come from the simulated kubelet."""
    own = {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        **({KATA_LABEL: "true"} if kata_label else {}),
        **(labels or {}),
    }
    room = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "150Gi"}
    return {
        "metadata": {
            "name": name,
            "labels": own,
            "annotations": dict(_ANNOTATIONS),
        },
        "spec": {},
        "status": {
            "capacity": room,
            "allocatable": room,
            "addresses": [
                {"type": "InternalIP", "address": internal_ip},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": _node_info(name, containerd, kernel, architecture),
        },
    }


def master_node(name: str = "ncn-m001", *, internal_ip: str = "127.0.0.1") -> KubeObject:
    """A control-plane NCN: tainted, never a place for IMS pods."""
    node = worker_node(name, internal_ip=internal_ip, kata_label=False)
    node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    node["spec"]["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    return as_ready(node)


def as_ready(node: KubeObject) -> KubeObject:
    """A node that nobody simulates, as if its kubelet had said that all is well."""
    condition = {
        "type": "Ready",
        "status": "True",
        "lastHeartbeatTime": None,
        "lastTransitionTime": None,
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }
    return {**node, "status": {**node["status"], "conditions": [condition]}}


def _node_info(name: str, containerd: str, kernel: str, architecture: str) -> dict[str, Any]:
    machine = uuid.uuid5(uuid.NAMESPACE_DNS, name).hex
    return {
        "machineID": machine,
        "systemUUID": machine,
        "bootID": str(uuid.uuid4()),
        "kernelVersion": kernel,
        "osImage": "SUSE Linux Enterprise Server 15 SP6",
        "containerRuntimeVersion": f"containerd://{containerd}",
        "kubeletVersion": "v1.32.5",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": architecture,
    }

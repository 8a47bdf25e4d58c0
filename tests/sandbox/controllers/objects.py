"""Builders of IMS jobs as IMS makes them, and of jobs that only look like one that the bot should repair.

IMS jobs follow the job templates of `cray-ims` (labels, init containers, env, resources, the annotation that
only customize jobs carry). Nothing here is sent anywhere: callers create the objects.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from ..api import NAMESPACES, SERVICEACCOUNTS, KubeObject, Registry
from . import behaviour

IMS_NAMESPACE = "ims"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_IMS_IMAGE = "registry.local/artifactory.algol60.net/csm-docker/stable/cray-ims-utils:2.15.0"
_SSHD_IMAGE = "registry.local/artifactory.algol60.net/csm-docker/stable/cray-ims-sshd:1.12.0"
_XATTR = "io.katacontainers.config.hypervisor.virtio_fs_extra_args"
_INIT_CONTAINERS: Mapping[str, Sequence[str]] = {
    "kiwi-ng": ("fetch-recipe", "wait-for-repos", "build-ca-rpm", "build-image"),
    "packer": ("fetch-recipe", "build-image"),
    "customize": ("prepare",),
}
_PRIVILEGED = ("build-image", "prepare")

Action = Literal["create", "customize"]


def install_ims(registry: Registry, namespace: str = IMS_NAMESPACE) -> None:
    """The namespace of IMS jobs with the service account that DKMS jobs run as."""
    registry.create(NAMESPACES, {"metadata": {"name": namespace}})
    registry.create(SERVICEACCOUNTS, {"metadata": {"name": "ims-service-job-mount"}}, namespace)


def sonar_jobs_watcher() -> KubeObject:
    """CSM's DaemonSet in the namespace `services`: it mounts containerd's socket, the file itself."""
    labels = {"name": "sonar-jobs-watcher"}
    container = _container("sonar-jobs-watcher", _IMS_IMAGE, {}, "64Mi")
    mount = {"name": "socket", "mountPath": CONTAINERD_SOCKET}
    socket = {"name": "socket", "hostPath": {"path": CONTAINERD_SOCKET, "type": "Socket"}}
    return {
        "metadata": {"name": "sonar-jobs-watcher"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{**container, "volumeMounts": [mount]}], "volumes": [socket]},
            },
        },
    }


def ims_job(
    action: Action,
    job_id: str = "",
    *,
    require_dkms: bool = True,
    runtime_class: str = "kata-qemu",
    recipe: Literal["kiwi-ng", "packer"] = "kiwi-ng",
    remote_build_node: str = "",
    named_label: bool = True,
    memory: str = "8Gi",
    image: str = _IMS_IMAGE,
    annotations: Mapping[str, str] | None = None,
) -> KubeObject:
    """The Job of one IMS job. Kata is used iff `require_dkms`, and never with a `remote_build_node`.

    `image` is that of the main containers. `named_label` False leaves out `app.kubernetes.io/name` (CSM 1.4,
    1.5 and packer). `annotations` of the pod steer its simulated behaviour (`behaviour`).
    """
    job_id = job_id or str(uuid.uuid4())
    kind = "customize" if action == "customize" else recipe
    labels = {"app": f"ims-{job_id}-{action}"}
    if named_label and kind != "packer":
        labels["app.kubernetes.io/name"] = "ims-job"
    env = {
        "IMS_JOB_ID": job_id,
        "BUILD_ARCH": "x86_64",
        "JOB_ENABLE_DKMS": str(require_dkms),
        "REMOTE_BUILD_NODE": remote_build_node,
    }
    spec = _ims_pod_spec(_INIT_CONTAINERS[kind], image, env, memory)
    if require_dkms:
        spec["serviceAccountName"] = "ims-service-job-mount"
    if require_dkms and not remote_build_node:
        spec["runtimeClassName"] = runtime_class
    steering = dict(annotations or {})
    if action == "customize":
        steering[_XATTR] = '["-o", "xattr"]'
    return _job(f"cray-ims-{job_id}-{action}", labels, steering, spec)


def other_job(name: str, *, runtime_class: str = "", annotations: Mapping[str, str] | None = None) -> KubeObject:
    """A job that is none of IMS's, whatever it runs on: the bot must leave it alone."""
    spec: KubeObject = {
        "restartPolicy": "Never",
        "containers": [_container("main", _IMS_IMAGE, {}, "64Mi")],
    }
    if runtime_class:
        spec["runtimeClassName"] = runtime_class
    return _job(name, {"app": name}, dict(annotations or {}), spec)


def unpullable_ims_job(job_id: str = "") -> KubeObject:
    """Near miss: the sandbox starts, the image does not exist."""
    return ims_job("create", job_id, image=f"registry.local/gone{behaviour.UNPULLABLE_TAG}")


def failing_ims_job(job_id: str = "") -> KubeObject:
    """Near miss: the build ends with exit code 1."""
    return ims_job("create", job_id, annotations={behaviour.EXIT_CODE: "1"})


def killed_ims_job(job_id: str = "") -> KubeObject:
    """Near miss: the build is killed for memory."""
    killed = {behaviour.EXIT_CODE: "137", behaviour.EXIT_REASON: "OOMKilled"}
    return ims_job("create", job_id, annotations=killed)


def oversized_ims_job(job_id: str = "") -> KubeObject:
    """Near miss: no worker has the memory."""
    return ims_job("create", job_id, memory="2Ti")


def _job(name: str, labels: Mapping[str, str], annotations: Mapping[str, str], spec: KubeObject) -> KubeObject:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"app": labels["app"]}},
        "spec": {
            "backoffLimit": 0,
            "template": {"metadata": {"labels": dict(labels), "annotations": dict(annotations)}, "spec": spec},
        },
    }


def _ims_pod_spec(init: Sequence[str], image: str, env: Mapping[str, str], memory: str) -> KubeObject:
    return {
        "restartPolicy": "Never",
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [_apart()]}},
        "initContainers": [_container(name, _IMS_IMAGE, env, memory) for name in init],
        "containers": [
            _container("buildenv-sidecar", image, env, memory),
            _container("sshd", _SSHD_IMAGE, env, memory),
        ],
        "volumes": [{"name": "image-vol", "emptyDir": {}}],
    }


def _container(name: str, image: str, env: Mapping[str, str], memory: str) -> KubeObject:
    container: KubeObject = {
        "name": name,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "resources": {
            "requests": {"memory": memory, "cpu": "500m"},
            "limits": {"memory": "40Gi" if memory == "8Gi" else memory, "cpu": "8"},
        },
    }
    if name in _PRIVILEGED or (name == "sshd" and env["JOB_ENABLE_DKMS"] == "True"):
        container["securityContext"] = {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}
    return container


def _apart() -> KubeObject:
    selector = {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": ["ims-job"]}]}
    return {
        "weight": 100,
        "podAffinityTerm": {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"},
    }

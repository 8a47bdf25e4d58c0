"""IMS jobs as IMS makes them, their near misses, and CSM's watcher, made to run on a kubelet without a registry.

The shapes are the sandbox's (`tests/sandbox/controllers/objects`). What is changed: images that lie on the nodes,
commands that busybox has, requests that fit beside each other on a small machine, and the service account `ims`.
"""

from __future__ import annotations

from typing import Any

from tests.sandbox.controllers import ims_job, other_job
from tests.sandbox.controllers.objects import Action, sonar_jobs_watcher

KubeObject = dict[str, Any]
JOB_IMAGE = "registry.local/imsbot-lab/busybox:1"
"""On every node; `imagePullPolicy: Never` keeps the kubelet from asking anybody for it."""

SERVICE_ACCOUNT = "ims"
_ABSENT_IMAGE = "registry.local/imsbot-lab/gone:1"
_SMALL = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "1"}}


def kata_job(action: Action, job_id: str = "", *, node: str = "", run_s: float = 1) -> KubeObject:
    """An IMS job that needs Kata and ends well after about `run_s`. `node`: the only one that it may go to."""
    return _runnable(ims_job(action, job_id), node=node, command=_lasting(run_s))


def failing_job(node: str = "") -> KubeObject:
    """Near miss: the sandbox starts, and the build ends with exit code 1."""
    return _runnable(ims_job("create"), node=node, command="exit 1")


def imageless_job(node: str = "") -> KubeObject:
    """Near miss: the sandbox starts, the image is nowhere."""
    return _runnable(ims_job("create"), node=node, command="true", image=_ABSENT_IMAGE)


def oversized_job() -> KubeObject:
    """Near miss: no worker has the memory."""
    return _runnable(ims_job("create"), command="true", memory="2Ti")


def plain_job(node: str = "", *, run_s: float = 1) -> KubeObject:
    """An IMS job that needs no Kata, because it builds no kernel modules."""
    return _runnable(ims_job("create", require_dkms=False), node=node, command=_lasting(run_s))


def tenants_job(name: str, node: str = "") -> KubeObject:
    """Needs Kata as well, but is none of IMS's."""
    return _runnable(other_job(name, runtime_class="kata-qemu"), node=node, command="true")


def watcher() -> KubeObject:
    """CSM's DaemonSet that has containerd's socket mounted."""
    return _runnable(sonar_jobs_watcher(), command=_lasting(3600))


def _lasting(run_s: float) -> str:
    return f"sleep {run_s:g}"


def _runnable(
    job: KubeObject, *, command: str, node: str = "", image: str = JOB_IMAGE, memory: str = ""
) -> KubeObject:
    """`command` is run by each main container; the containers before them do nothing."""
    template = job["spec"]["template"]
    pod = dict(template["spec"])
    pod["containers"] = [_container(each, image, command, memory) for each in pod["containers"]]
    if before := pod.get("initContainers"):
        pod["initContainers"] = [_container(each, JOB_IMAGE, "true", memory) for each in before]
    if "serviceAccountName" in pod:
        pod["serviceAccountName"] = SERVICE_ACCOUNT
    pod["terminationGracePeriodSeconds"] = 1
    if node:
        pod["nodeSelector"] = {**pod.get("nodeSelector", {}), "kubernetes.io/hostname": node}
    return {**job, "spec": {**job["spec"], "template": {**template, "spec": pod}}}


def _container(container: KubeObject, image: str, command: str, memory: str) -> KubeObject:
    resources: KubeObject = {part: dict(values) for part, values in _SMALL.items()}
    if memory:
        resources["requests"]["memory"] = resources["limits"]["memory"] = memory
    return {
        **container,
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", command],
        "resources": resources,
    }

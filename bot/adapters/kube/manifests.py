"""The objects that the bot creates, as JSON: the RuntimeClass and the canary pod.

The canary fits into the strictest of what CSM enforces (domain.md 6.3): the pod security baseline and more, its
own resources (namespaces carry LimitRanges), and no sidecar, which would keep the pod from ending. It is pinned
by `nodeName`, so it runs on the cordoned node; the RuntimeClass's admission still adds overhead and node
selector. Its whole work is to leave the guest kernel's version as its termination message.
"""

from bot.core.action import CreateCanary, CreateRuntimeClass
from bot.core.marks import INCIDENT_LABEL
from bot.core.objects import RawObject

MANAGED_BY = {"app.kubernetes.io/managed-by": "ims-remediation-bot"}
NO_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""As a label for today's Istio, as an annotation for older ones."""

NOBODY = 65534
TERMINATION_LOG = "/dev/termination-log"


def runtime_class(change: CreateRuntimeClass) -> RawObject:
    body: RawObject = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": change.name, "labels": MANAGED_BY},
        "handler": change.handler,
    }
    if change.overhead:
        body["overhead"] = {"podFixed": change.overhead}
    if change.node_selector:
        body["scheduling"] = {"nodeSelector": change.node_selector}
    return body


def canary(change: CreateCanary) -> RawObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": change.name,
            "labels": {**MANAGED_BY, **NO_SIDECAR, INCIDENT_LABEL: change.incident},
            "annotations": NO_SIDECAR,
        },
        "spec": {
            "nodeName": change.node,
            "runtimeClassName": change.runtime_class,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": change.deadline_s,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [
                {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}
            ],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(change)],
        },
    }


def _container(change: CreateCanary) -> RawObject:
    amounts = {"cpu": change.cpu, "memory": change.memory}
    return {
        "name": "canary",
        "image": change.image,
        "imagePullPolicy": change.image_pull_policy,
        "command": ["/bin/sh", "-c", f"uname -r > {TERMINATION_LOG}"],
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }

"""What the server fills in on create: the defaults of the Go types that the bot can see.

Taken from objects that Kubernetes 1.36 sent (`recordings`). Each function completes a private copy in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .quantities import pod_qos
from .resources import DISRUPTION_BUDGETS, JOBS, NAMESPACES, NODES, PODS, KubeObject, Resource

_DEFAULT_TOLERATIONS: tuple[KubeObject, ...] = tuple(
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)


def complete(resource: Resource, obj: KubeObject) -> None:
    """Fill in the defaults of the type, and its empty status."""
    fill = _BY_TYPE.get(resource)
    if fill is not None:
        fill(obj)


def complete_pod_spec(spec: KubeObject) -> None:
    """The defaults that a pod template gets as well."""
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _pull_policy(image: str) -> str:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _complete_pod(pod: KubeObject) -> None:
    spec = pod["spec"]
    complete_pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    known = {toleration.get("key") for toleration in tolerations}
    tolerations.extend(dict(default) for default in _DEFAULT_TOLERATIONS if default["key"] not in known)
    pod["metadata"]["generation"] = 1
    pod["status"] = {"phase": "Pending", "qosClass": pod_qos(pod)}


def _complete_job(job: KubeObject) -> None:
    metadata, spec = job["metadata"], job["spec"]
    metadata["generation"] = 1
    for field, value in _JOB_DEFAULTS.items():
        spec.setdefault(field, value)
    uid, name = metadata["uid"], metadata["name"]
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    template = spec["template"]
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    labels.update(
        {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
    )
    complete_pod_spec(template["spec"])
    job["status"] = {}


_JOB_DEFAULTS: Mapping[str, object] = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "manualSelector": False,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}


def _complete_budget(budget: KubeObject) -> None:
    budget["metadata"]["generation"] = 1
    budget["status"] = {}  # its controller counts; a test writes it through the status endpoint


def _complete_node(node: KubeObject) -> None:
    node.setdefault("spec", {})
    node.setdefault("status", {})
    node["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/hostname", node["metadata"]["name"])


def _complete_namespace(namespace: KubeObject) -> None:
    namespace["spec"] = {"finalizers": ["kubernetes"]}
    namespace["status"] = {"phase": "Active"}
    labels = namespace["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = namespace["metadata"]["name"]


_BY_TYPE: Mapping[Resource, Callable[[KubeObject], None]] = {
    PODS: _complete_pod,
    JOBS: _complete_job,
    NODES: _complete_node,
    DISRUPTION_BUDGETS: _complete_budget,
    NAMESPACES: _complete_namespace,
}

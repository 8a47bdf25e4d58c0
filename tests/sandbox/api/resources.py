"""The resource types that the stand-in serves, and what the real API server lets a client do with each.

Every line below is a fact of Kubernetes (the `strategy.go` of the type), not a choice of ours: a client that
passes here and fails on a real server would make the stand-in worthless. A type that is not listed is
answered with the 404 of an unknown path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A Kubernetes object as JSON. The server stores what it is sent, so there is no narrower type for it.
KubeObject = dict[str, Any]

_NAMED = frozenset({"metadata.name"})
_NAMESPACED = frozenset({"metadata.name", "metadata.namespace"})


@dataclass(frozen=True, slots=True, eq=False)  # one instance per type: identity is equality
class Resource:
    """One served type.

    `field_labels` are the paths a fieldSelector may use. `unconditional_update`: a PUT without
    resourceVersion overwrites. `create_on_update`: a PUT of an unknown name creates it.
    `bookmark_body`: the zero fields that Go writes beside the metadata of a bookmark. `kept` False: a question,
    which is posted and answered, and of which nothing is left.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    field_labels: frozenset[str] = _NAMESPACED
    has_status: bool = False
    unconditional_update: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    kept: bool = True
    bookmark_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`pods`, `runtimeclasses.node.k8s.io`: how error texts name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Pod`, `Job.batch`: how validation errors name it."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def path(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


PODS = Resource(
    "",
    "v1",
    "pods",
    "Pod",
    field_labels=_NAMESPACED
    | {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    },
    has_status=True,
    returns_deleted=True,
    bookmark_body={"spec": {"containers": None}, "status": {}},
)
EVENTS = Resource(
    "",
    "v1",
    "events",
    "Event",
    field_labels=_NAMESPACED
    | {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    },
    create_on_update=True,
    bookmark_body={
        "involvedObject": {},
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    },
)
NODES = Resource(
    "",
    "v1",
    "nodes",
    "Node",
    namespaced=False,
    field_labels=_NAMED | {"spec.unschedulable"},
    has_status=True,
    bookmark_body={
        "spec": {},
        "status": {
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": dict.fromkeys(
                (
                    "machineID",
                    "systemUUID",
                    "bootID",
                    "kernelVersion",
                    "osImage",
                    "containerRuntimeVersion",
                    "kubeletVersion",
                    "kubeProxyVersion",
                    "operatingSystem",
                    "architecture",
                ),
                "",
            ),
        },
    },
)
NAMESPACES = Resource(
    "",
    "v1",
    "namespaces",
    "Namespace",
    namespaced=False,
    field_labels=_NAMED | {"status.phase"},
    has_status=True,
    bookmark_body={"spec": {}, "status": {}},
)
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
JOBS = Resource(
    "batch",
    "v1",
    "jobs",
    "Job",
    field_labels=_NAMESPACED | {"status.successful"},
    has_status=True,
    bookmark_body={"spec": {"template": {"metadata": {}, "spec": {"containers": None}}}, "status": {}},
)
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet", has_status=True)
RUNTIMECLASSES = Resource(
    "node.k8s.io",
    "v1",
    "runtimeclasses",
    "RuntimeClass",
    namespaced=False,
    field_labels=_NAMED,
    unconditional_update=False,
    create_on_update=True,
    bookmark_body={"handler": ""},
)
LEASES = Resource(
    "coordination.k8s.io",
    "v1",
    "leases",
    "Lease",
    unconditional_update=False,
    create_on_update=True,
    bookmark_body={"spec": {}},
)
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", has_status=True)
SELF_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    namespaced=False,
    kept=False,
)

ALL: tuple[Resource, ...] = (
    PODS,
    EVENTS,
    NODES,
    NAMESPACES,
    SERVICEACCOUNTS,
    CONFIGMAPS,
    JOBS,
    DAEMONSETS,
    RUNTIMECLASSES,
    LEASES,
    DISRUPTION_BUDGETS,
    SELF_ACCESS_REVIEWS,
)

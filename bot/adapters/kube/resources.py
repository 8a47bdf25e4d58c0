"""The API resources that the bot touches: their paths, and the structs that their objects are decoded into.

A plain table, because discovery would cost requests at every start and tell nothing new: all of them have been
stable (v1) since Kubernetes 1.20, the oldest that any CSM release runs.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from bot.core.objects import Event, Job, Lease, Meta, Node, Pod, RuntimeClass

T = TypeVar("T", bound=Struct)


class Namespace(Struct, frozen=True):
    metadata: Meta


class DaemonSet(Struct, frozen=True):
    metadata: Meta


class ConfigMap(Struct, frozen=True):
    metadata: Meta
    data: dict[str, str] | None = None


class Version(Struct, frozen=True, rename="camel"):
    """What `/version` says; it is readable without any permission."""

    git_version: str


class AccessStatus(Struct, frozen=True):
    """`allowed` is the answer also where an `evaluationError` stands beside it (authorization/v1 types.go)."""

    allowed: bool


class AccessReview(Struct, frozen=True):
    """SelfSubjectAccessReview: what the server says of one question."""

    status: AccessStatus


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """One resource: `root` is the path of its group and version, `type` the struct of its objects."""

    type: type[T]
    root: str
    plural: str

    @property
    def group(self) -> str:
        """As RBAC writes it: empty for the core's."""
        return self.root.split("/")[2] if self.root.startswith("/apis/") else ""

    def path(self, namespace: str = "", name: str = "") -> str:
        """The collection's path, or the object's; names are DNS names, so nothing needs escaping."""
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.root}{inside}/{self.plural}" + (f"/{name}" if name else "")


PODS = Resource(Pod, "/api/v1", "pods")
EVENTS = Resource(Event, "/api/v1", "events")
NODES = Resource(Node, "/api/v1", "nodes")
NAMESPACES = Resource(Namespace, "/api/v1", "namespaces")
DAEMON_SETS = Resource(DaemonSet, "/apis/apps/v1", "daemonsets")
CONFIG_MAPS = Resource(ConfigMap, "/api/v1", "configmaps")
JOBS = Resource(Job, "/apis/batch/v1", "jobs")
RUNTIME_CLASSES = Resource(RuntimeClass, "/apis/node.k8s.io/v1", "runtimeclasses")
LEASES = Resource(Lease, "/apis/coordination.k8s.io/v1", "leases")
ACCESS_REVIEWS = Resource(AccessReview, "/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews")


VERSION = Resource(Version, "", "version")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request as a person and an RBAC rule name it: `get nodes "ncn-w001"`."""

    verb: str
    resource: Resource[T]
    namespace: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        """A new object's name is in its body, not in the path."""
        return self.resource.path(self.namespace, "" if self.verb == "create" else self.name)

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource.plural}"
        if self.name:
            what += f' "{self.name}"'
        return what + (f" in namespace {self.namespace}" if self.namespace else "")

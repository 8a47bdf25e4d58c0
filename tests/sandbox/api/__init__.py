"""A Kubernetes API server stand-in: real HTTP, real TLS, real list/watch semantics, no cluster behind it.

Reading order: `resources` (the types), `store` (revisions and history), `registry` (the verbs and their rules,
with `normal`, `defaults`, `validation`, `admission`, `deletion`, `pods`, `patches`), then the HTTP side:
`server`, `paths`, `requests`, `lists`, `watches`, `access`, `rbac`, `reviews`, `discovery`, `faults`, `tls`.

It must never be kinder than the real server: the bot's adapter tests run against both. What it leaves out, it
refuses: server-side apply, WatchList, protobuf.
"""

from __future__ import annotations

from .access import EVERY_ACCOUNT, Access, Allow, Call, User, allow
from .admission import Denial
from .deletion import DeleteOptions
from .faults import Fault, Faults
from .pods import PodLogs, bind, evict, with_condition
from .rbac import service_account
from .registry import Registry
from .resources import (
    CONFIGMAPS,
    DAEMONSETS,
    DISRUPTION_BUDGETS,
    EVENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    RUNTIMECLASSES,
    SERVICEACCOUNTS,
    KubeObject,
    Resource,
)
from .server import ApiServer
from .status import ApiError
from .store import Change, ChangeType, Store

__all__ = [
    "ApiServer",
    "Registry",
    "Store",
    "Change",
    "ChangeType",
    "Fault",
    "Faults",
    "Access",
    "Allow",
    "EVERY_ACCOUNT",
    "allow",
    "Call",
    "User",
    "service_account",
    "ApiError",
    "Denial",
    "DeleteOptions",
    "PodLogs",
    "bind",
    "evict",
    "with_condition",
    "KubeObject",
    "Resource",
    "CONFIGMAPS",
    "DAEMONSETS",
    "DISRUPTION_BUDGETS",
    "EVENTS",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "NODES",
    "PODS",
    "RUNTIMECLASSES",
    "SERVICEACCOUNTS",
]

"""Who asks, what for, and whether that is allowed: bearer tokens, rules like RBAC's, and the request log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from .resources import Resource
from .status import forbidden, method_not_allowed, unauthorized

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as authorization and audit see it; `code` is 0 until it is answered."""

    verb: str
    resource: str
    subresource: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    code: int = 0
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """`pods`, `pods/eviction`: as RBAC rules write it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Allow:
    """Verbs on resources (`pods`, `pods/eviction`); no namespaces, groups or names means any."""

    verbs: frozenset[str]
    resources: frozenset[str]
    namespaces: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """As `resourceNames`: a create never has a name, a list has one by a selector for `metadata.name`."""

    def covers(self, call: Call) -> bool:
        limits = ((self.namespaces, call.namespace), (self.groups, call.group), (self.names, call.name))
        within = all(not allowed or asked in allowed for allowed, asked in limits)
        return within and call.verb in self.verbs and call.target in self.resources


def allow(verbs: str, resources: str, namespaces: str = "") -> Allow:
    """`allow("get list", "pods jobs", "ims")`: space separated."""
    return Allow(frozenset(verbs.split()), frozenset(resources.split()), frozenset(namespaces.split()))


@dataclass(frozen=True, slots=True)
class User:
    """`rules` None is a cluster administrator."""

    name: str
    rules: tuple[Allow, ...] | None = None


_ANONYMOUS = User("system:anonymous", ())

EVERY_ACCOUNT = (
    Allow(
        frozenset({"create"}), frozenset({"selfsubjectaccessreviews"}), groups=frozenset({"authorization.k8s.io"})
    ),
)
"""What every API server lets each account do that has said who it is: of its ClusterRole `system:basic-user`, that
which is served here."""


class Access:
    """Tokens and rules. Authorization comes before any look at the object, as in the real server."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def add(self, user: User) -> str:
        """Make a token for `user`, and return it."""
        token = secrets.token_urlsafe(24)
        self._users[token] = user
        return token

    def revoke(self, token: str) -> None:
        """From now on this token is answered with 401 (an expired or rotated service account token)."""
        self._users.pop(token, None)

    def authenticate(self, header: str) -> User:
        """Raises 401 for an unknown token; without one the caller is anonymous, who may do nothing (403)."""
        if not header:
            return _ANONYMOUS
        scheme, _, token = header.partition(" ")
        user = self._users.get(token.strip())
        if scheme.lower() != "bearer" or user is None:
            raise unauthorized()
        return user

    def allows(self, user: User, call: Call) -> bool:
        if user.rules is None:
            return True
        beside = () if user == _ANONYMOUS else EVERY_ACCOUNT
        return any(rule.covers(call) for rule in (*user.rules, *beside))

    def authorize(self, user: User, call: Call, resource: Resource) -> None:
        """Raises 403 with the text of the RBAC authorizer."""
        if self.allows(user, call):
            return
        where = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
        why = f'User "{user.name}" cannot {call.verb} resource "{call.target}" in API group "{call.group}" {where}'
        raise forbidden(resource, call.name, why)


def verb_of(method: str, name: str, watching: bool) -> str:
    """The RBAC verb of a request. Raises 405."""
    if method == "GET":
        if watching:
            return "watch"
        return "get" if name else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    if method not in _VERBS:
        raise method_not_allowed()
    return _VERBS[method]

"""From RBAC manifests to what a service account may do, so that the stand-in enforces the file that is deployed.

Only what a least-privilege manifest has: no wildcard, no aggregation, no rule for URLs. Such things are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .access import Allow, User

Document = Mapping[str, Any]


def service_account(documents: Iterable[Document], namespace: str, name: str) -> User:
    """The account with every rule that is bound to it. Raises ValueError when the account is not among them."""
    found = tuple(documents)
    if not any(_is(document, "ServiceAccount", name, namespace) for document in found):
        raise ValueError(f"there is no ServiceAccount {namespace}/{name}")
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    bindings = [
        d for d in found if d["kind"] in ("RoleBinding", "ClusterRoleBinding") and subject in d["subjects"]
    ]
    rules = tuple(rule for binding in bindings for rule in _granted(found, binding))
    return User(f"system:serviceaccount:{namespace}:{name}", rules)


def _granted(documents: Iterable[Document], binding: Document) -> Iterable[Allow]:
    """A RoleBinding gives a role, also a ClusterRole, in its own namespace only."""
    reference = binding["roleRef"]
    here = binding["metadata"].get("namespace", "")
    home = here if reference["kind"] == "Role" else ""
    role = next((d for d in documents if _is(d, reference["kind"], reference["name"], home)), None)
    if role is None:
        raise ValueError(f"{binding['kind']} {binding['metadata']['name']} names no role of these manifests")
    for rule in role["rules"]:
        yield _allow(rule, here)


def _allow(rule: Document, namespace: str) -> Allow:
    if unknown := rule.keys() - {"apiGroups", "resources", "resourceNames", "verbs"}:
        raise ValueError(f"not supported in a rule: {', '.join(sorted(unknown))}")
    if any("*" in rule.get(key, ()) for key in rule):
        raise ValueError(f"a wildcard is more than anybody needs: {dict(rule)}")
    return Allow(
        verbs=frozenset(rule["verbs"]),
        resources=frozenset(rule["resources"]),
        namespaces=frozenset({namespace} if namespace else ()),
        groups=frozenset(rule["apiGroups"]),
        names=frozenset(rule.get("resourceNames", ())),
    )


def _is(document: Document, kind: str, name: str, namespace: str) -> bool:
    metadata = document["metadata"]
    return (kind, name, namespace) == (document["kind"], metadata["name"], metadata.get("namespace", ""))

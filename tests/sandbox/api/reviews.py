"""SelfSubjectAccessReview: whether the one who asks may do something, answered by the rules that are enforced.

The refusals are those of k8s.io/kubernetes `pkg/apis/authorization/validation`. The answer carries no `reason`,
which is a text for people. What the stand-in cannot judge, URLs and selectors, it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

from .access import Access, Call, User
from .resources import SELF_ACCESS_REVIEWS, KubeObject
from .status import ApiError, bad_request, invalid

_KNOWN = frozenset({"namespace", "verb", "group", "version", "resource", "subresource", "name"})


def review(access: Access, user: User, body: KubeObject) -> KubeObject:
    """The review with its status. Raises 400 and 422."""
    spec = body.get("spec") or {}
    wanted = spec.get("resourceAttributes")
    if body.get("metadata"):
        raise _invalid("metadata", "must be empty")
    if wanted is None and spec.get("nonResourceAttributes") is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid("spec.resourceAttributes", why)
    if wanted is None or wanted.keys() - _KNOWN:
        raise bad_request("the stand-in answers for resources by their names only")
    allowed = access.allows(user, _call(wanted))
    return {
        "kind": SELF_ACCESS_REVIEWS.kind,
        "apiVersion": SELF_ACCESS_REVIEWS.api_version,
        "metadata": {},
        "spec": spec,
        "status": {"allowed": allowed},
    }


def _call(wanted: Mapping[str, str]) -> Call:
    return Call(
        verb=wanted.get("verb", ""),
        resource=wanted.get("resource", ""),
        subresource=wanted.get("subresource", ""),
        group=wanted.get("group", ""),
        namespace=wanted.get("namespace", ""),
        name=wanted.get("name", ""),
    )


def _invalid(path: str, why: str) -> ApiError:
    return invalid(SELF_ACCESS_REVIEWS, "", [(path, "FieldValueInvalid", f"Invalid value: {why}")])

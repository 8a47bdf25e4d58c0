"""Failures as the API server words them: a `Status` object with reason, details and HTTP code.

Clients decide by `reason` and `code`, people by `message`; all three are taken from
k8s.io/apimachinery `pkg/api/errors`, because the bot's rules match some of these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .resources import KubeObject, Resource


class ApiError(Exception):
    """A request that the server refuses; `body` is what goes over the wire."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.continue_token = continue_token
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    @property
    def body(self) -> KubeObject:
        status: KubeObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _details(resource: Resource, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, name))


def no_such_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    reason = why or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {reason}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def invalid(resource: Resource, name: str, causes: Sequence[tuple[str, str, str]]) -> ApiError:
    """422 with one cause per broken field: (field path, reason such as `FieldValueInvalid`, text)."""
    lines = [f"{path}: {text}" for path, _, text in causes]
    joined = lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"
    details: dict[str, Any] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.kind
    details["causes"] = [{"reason": reason, "message": text, "field": path} for path, reason, text in causes]
    return ApiError(422, "Invalid", f'{resource.qualified_kind} "{name}" is invalid: {joined}', details)


def forbidden(resource: Resource, name: str, why: str) -> ApiError:
    """403 of an admission plugin or of RBAC. `name` may be empty for a list or create."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", _details(resource, name))


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: str) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", message)


def expired_watch(wanted: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def expired_list(requested: int, oldest: int) -> ApiError:
    return ApiError(
        410, "Expired", f"The resourceVersion for the provided list is too old. ({requested} < {oldest})"
    )


def expired_continue(inconsistent_token: str) -> ApiError:
    """The continue token outlived the history; the Status carries one that skips consistency."""
    return ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results.",
        continue_token=inconsistent_token,
    )


def too_large_version(wanted: int, current: int) -> ApiError:
    message = f"Too large resource version: {wanted}, current: {current}"
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": message}], "retryAfterSeconds": 1}
    return ApiError(504, "Timeout", f"Timeout: {message}", details)


def budget_violated(budget: str, needed: int, healthy: int) -> ApiError:
    """429 of an eviction that a PodDisruptionBudget blocks; it has no Retry-After."""
    cause = f"The disruption budget {budget} needs {needed} healthy pods and has {healthy} currently"
    return ApiError(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        {"causes": [{"reason": "DisruptionBudget", "message": cause}]},
    )


def internal(message: str) -> ApiError:
    return ApiError(
        500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]}
    )


def service_unavailable() -> ApiError:
    return ApiError(503, "ServiceUnavailable", "apiserver is shutting down", {"retryAfterSeconds": 1})

"""What the server refuses to store: malformed metadata, missing required fields, changes of what is immutable.

Not the whole schema: only what a client of these types can plausibly get wrong, each with the field path and
text of the Go validation, so that a mistake shows here and not first in a real cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .resources import EVENTS, JOBS, LEASES, NODES, PODS, RUNTIMECLASSES, KubeObject, Resource
from .status import bad_request, invalid

Cause = tuple[str, str, str]  # field path, reason, text

_LABEL_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"^{_LABEL_PART}(\.{_LABEL_PART})*$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_QUALIFIED = re.compile(rf"^({_LABEL_PART}(\.{_LABEL_PART})*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_MICRO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_MICRO_FIELDS: Mapping[Resource, tuple[tuple[str, ...], ...]] = {
    LEASES: (("spec", "acquireTime"), ("spec", "renewTime")),
    EVENTS: (("eventTime",), ("series", "lastObservedTime")),
}
_ANNOTATIONS_LIMIT_BYTES = 256 * 1024
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# What may still change in a pod's spec, besides container images.
_MUTABLE_POD_FIELDS = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")


def check_decodable(resource: Resource, obj: KubeObject) -> None:
    """Raise 400 where Go's decoder already fails: wrong containers, and times without six fraction digits."""
    for part in ("metadata", "spec", "status"):
        if part in obj and obj[part] is not None and not isinstance(obj[part], dict):
            raise bad_request(_undecodable(resource, f"json: cannot unmarshal into Go struct field .{part}"))
    for path in _MICRO_FIELDS.get(resource, ()):
        value: Any = obj
        for step in path:
            value = (value or {}).get(step)
        if value is not None and _MICRO_TIME.match(str(value)) is None:
            raise bad_request(
                _undecodable(resource, f'parsing time "{value}" as "{_MICRO_LAYOUT}": cannot parse "{value}"')
            )


def check_create(resource: Resource, obj: KubeObject) -> None:
    """Raise 422 naming every field that a new object of the type may not have so."""
    _refuse(resource, obj, [*_metadata(obj), *_ON_CREATE.get(resource, _nothing)(obj)])


def check_update(resource: Resource, new: KubeObject, old: KubeObject) -> None:
    """Raise 422 naming every field that an update may not change or set so."""
    changed = _ON_UPDATE.get(resource, _no_change)(new, old)
    # A pod's own fields are checked at creation; afterwards only what may not change matters.
    own = () if resource is PODS else _ON_CREATE.get(resource, _nothing)(new)
    _refuse(resource, new, [*_metadata(new), *own, *changed])


def _undecodable(resource: Resource, why: str) -> str:
    return f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}'


def _refuse(resource: Resource, obj: KubeObject, causes: list[Cause]) -> None:
    if causes:
        raise invalid(resource, obj["metadata"].get("name", ""), causes)


def _bad(path: str, value: object, why: str) -> Cause:
    return path, "FieldValueInvalid", f'Invalid value: "{value}": {why}'


def _required(path: str, why: str = "") -> Cause:
    return path, "FieldValueRequired", f"Required value: {why}" if why else "Required value"


def _nothing(_: KubeObject) -> list[Cause]:
    return []


def _no_change(_: KubeObject, __: KubeObject) -> list[Cause]:
    return []


def _metadata(obj: KubeObject) -> list[Cause]:
    metadata = obj["metadata"]
    causes: list[Cause] = []
    name = metadata.get("name", "")
    if len(name) > 253 or _SUBDOMAIN.match(name) is None:
        why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        causes.append(_bad("metadata.name", name, why))
    for key, value in (metadata.get("labels") or {}).items():
        if _QUALIFIED.match(key) is None:
            causes.append(_bad("metadata.labels", key, "name part must consist of alphanumeric characters"))
        if not isinstance(value, str) or len(value) > 63 or _LABEL_VALUE.match(value) is None:
            causes.append(_bad("metadata.labels", value, "a valid label must be an empty string or 63 characters"))
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if _QUALIFIED.match(key.lower()) is None:
            causes.append(_bad("metadata.annotations", key, "name part must consist of alphanumeric characters"))
    if sum(len(key) + len(str(value)) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT_BYTES:
        causes.append(("metadata.annotations", "FieldValueTooLong", "Too long: may not be more than 262144 bytes"))
    return causes


def _pod_spec(spec: KubeObject, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not spec.get("containers"):
        causes.append(_required(f"{path}.containers"))
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            for field in ("name", "image"):
                if not container.get(field):
                    causes.append(_required(f"{path}.{part}[{index}].{field}"))
    return causes


def _pod(pod: KubeObject) -> list[Cause]:
    return _pod_spec(pod["spec"], "spec")


def _job(job: KubeObject) -> list[Cause]:
    template = job["spec"]["template"]["spec"]
    causes = _pod_spec(template, "spec.template.spec")
    if template.get("restartPolicy") not in ("Never", "OnFailure"):
        causes.append(_required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"'))
    return causes


def _runtime_class(runtime_class: KubeObject) -> list[Cause]:
    handler = runtime_class.get("handler", "")
    if re.fullmatch(_LABEL_PART, handler) is None:
        return [_bad("handler", handler, "a lowercase RFC 1123 label must consist of lower case alphanumerics")]
    return []


def _lease(lease: KubeObject) -> list[Cause]:
    spec = lease.get("spec") or {}
    causes: list[Cause] = []
    if (spec.get("leaseDurationSeconds") or 1) <= 0:
        causes.append(_bad("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0"))
    if (spec.get("leaseTransitions") or 0) < 0:
        causes.append(
            _bad("spec.leaseTransitions", spec["leaseTransitions"], "must be greater than or equal to 0")
        )
    return causes


def _event(event: KubeObject) -> list[Cause]:
    involved = (event.get("involvedObject") or {}).get("namespace") or "default"
    if involved != event["metadata"].get("namespace"):
        return [_bad("involvedObject.namespace", involved, "does not match event.namespace")]
    return []


def _node(node: KubeObject) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate((node.get("spec") or {}).get("taints") or ()):
        path = f"spec.taints[{index}]"
        if taint.get("effect") not in _TAINT_EFFECTS:
            causes.append(
                (f"{path}.effect", "FieldValueNotSupported", f'Unsupported value: "{taint.get("effect")}"')
            )
        identity = (taint.get("key", ""), taint.get("effect", ""))
        if identity in seen:
            causes.append((path, "FieldValueDuplicate", f"Duplicate value: {identity}"))
        seen.add(identity)
    return causes


def _pod_changed(new: KubeObject, old: KubeObject) -> list[Cause]:
    if _fixed_pod_spec(new["spec"]) == _fixed_pod_spec(old["spec"]):
        return []
    why = (
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
        "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
        "previously negative)"
    )
    return [("spec", "FieldValueForbidden", why)]


def _fixed_pod_spec(spec: KubeObject) -> KubeObject:
    fixed = {key: value for key, value in spec.items() if key not in _MUTABLE_POD_FIELDS}
    for part in ("containers", "initContainers"):
        fixed[part] = [{k: v for k, v in each.items() if k != "image"} for each in spec.get(part) or ()]
    return fixed


def _job_changed(new: KubeObject, old: KubeObject) -> list[Cause]:
    return [
        _bad(f"spec.{field}", "...", "field is immutable")
        for field in ("template", "selector", "completions")
        if new["spec"].get(field) != old["spec"].get(field)
    ]


def _runtime_class_changed(new: KubeObject, old: KubeObject) -> list[Cause]:
    if new.get("handler") == old.get("handler"):
        return []
    return [_bad("handler", new.get("handler"), "field is immutable")]


_ON_CREATE: Mapping[Resource, Callable[[KubeObject], list[Cause]]] = {
    PODS: _pod,
    JOBS: _job,
    RUNTIMECLASSES: _runtime_class,
    LEASES: _lease,
    EVENTS: _event,
    NODES: _node,
}
_ON_UPDATE: Mapping[Resource, Callable[[KubeObject, KubeObject], list[Cause]]] = {
    PODS: _pod_changed,
    JOBS: _job_changed,
    RUNTIMECLASSES: _runtime_class_changed,
}

"""Admission of pods: RuntimeClass, ServiceAccount, and whatever else a test lets refuse them.

The RuntimeClass plugin is why a missing RuntimeClass is seen on the Job (no pod exists) and why a Kata pod
carries the overhead and the node selector of its class. Texts are those of
kubernetes `plugin/pkg/admission/runtimeclass` and `serviceaccount`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .resources import PODS, RUNTIMECLASSES, SERVICEACCOUNTS, KubeObject
from .status import forbidden
from .store import Store

# A webhook, quota or policy of a test: the text after `is forbidden: `, or None to let the pod pass.
Denial = Callable[[KubeObject], str | None]


class Admission:
    """Completes or refuses new pods. `denials` play Kyverno, quotas and limit ranges."""

    def __init__(self, store: Store) -> None:
        self.denials: list[Denial] = []
        self._store = store

    def admit(self, pod: KubeObject, shown_name: str) -> None:
        """Complete `pod` in place, or raise 403. `shown_name` may be only the generateName prefix."""
        self._require_service_account(pod, shown_name)
        try:
            self._apply_runtime_class(pod)
        except _Rejection as rejection:
            raise forbidden(PODS, shown_name, str(rejection)) from rejection
        for denial in self.denials:
            why = denial(pod)
            if why is not None:
                raise forbidden(PODS, shown_name, why)

    def _require_service_account(self, pod: KubeObject, shown_name: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default"
        if self._store.find(SERVICEACCOUNTS, (namespace, name)) is None:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(PODS, shown_name, why)

    def _apply_runtime_class(self, pod: KubeObject) -> None:
        spec = pod["spec"]
        wanted = spec.get("runtimeClassName")
        runtime_class: Mapping[str, Any] = {}
        if wanted is not None:
            found = self._store.find(RUNTIMECLASSES, ("", wanted))
            if found is None:
                raise _Rejection(f'pod rejected: RuntimeClass "{wanted}" not found')
            runtime_class = found
        _set_overhead(spec, (runtime_class.get("overhead") or {}).get("podFixed"))
        _set_scheduling(spec, runtime_class.get("scheduling") or {})


class _Rejection(Exception):
    """Why the RuntimeClass plugin refuses the pod."""


def _set_overhead(spec: KubeObject, fixed: Mapping[str, str] | None) -> None:
    given = spec.get("overhead")
    if fixed is None:
        if given is not None:
            raise _Rejection("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
        return
    if given is not None and given != fixed:
        raise _Rejection("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    spec["overhead"] = dict(fixed)


def _set_scheduling(spec: KubeObject, scheduling: Mapping[str, Any]) -> None:
    selector: dict[str, str] = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        own = selector.setdefault(key, value)
        if own != value:
            raise _Rejection(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {own}"
            )
    if selector:
        spec["nodeSelector"] = selector
    for toleration in scheduling.get("tolerations") or ():
        if toleration not in spec.setdefault("tolerations", []):
            spec["tolerations"].append(dict(toleration))

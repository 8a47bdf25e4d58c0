"""Kubernetes quantities as far as the scheduler and the QoS class need them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .resources import KubeObject

_SUFFIXES: Mapping[str, Decimal] = {
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def parse_quantity(text: str) -> Decimal:
    """`250m` -> 0.25, `160Mi` -> 167772160. Raises ValueError (`decimal.InvalidOperation`) for anything else."""
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    return Decimal(text)


def pod_requests(pod: KubeObject) -> dict[str, Decimal]:
    """What the scheduler charges: max(sum of containers, largest init container) plus the overhead."""
    spec = pod["spec"]
    totals: dict[str, Decimal] = {}
    for container in spec.get("containers", ()):
        for name, amount in _requests(container).items():
            totals[name] = totals.get(name, Decimal(0)) + amount
    for container in spec.get("initContainers", ()):
        for name, amount in _requests(container).items():
            totals[name] = max(totals.get(name, Decimal(0)), amount)
    for name, text in (spec.get("overhead") or {}).items():
        totals[name] = totals.get(name, Decimal(0)) + parse_quantity(text)
    return totals


def pod_qos(pod: KubeObject) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`."""
    resources = [container.get("resources") or {} for container in pod["spec"].get("containers", ())]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    complete = all(
        {"cpu", "memory"} <= set(each.get("limits") or ())
        and (each.get("requests") or each["limits"]) == each["limits"]
        for each in resources
    )
    return "Guaranteed" if complete else "Burstable"


def _requests(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    named = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse_quantity(text) for name, text in named.items()}

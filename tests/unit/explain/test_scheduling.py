"""Where a pod would fit, were it not for the Kata label."""

from typing import Any

import pytest

from bot.core.objects import KATA_LABEL, Node, Pod
from bot.core.scheduling import misfit
from tests.unit.explain.cases import built, said

TAINT = {"key": "dedicated", "value": "ims", "effect": "NoSchedule"}


def affinity(key: str, operator: str, *values: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    required = {"nodeSelectorTerms": [term]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def reason(spec: dict[str, Any], node: dict[str, Any]) -> str | None:
    pod = said(built({"base": "unscheduled-pod", "set": {"spec": spec}})).object
    bare = {"labels": {KATA_LABEL: None, "zone": "a", "disks": "4"}}
    there = said(built({"base": "node", "set": {"metadata": bare, **node}})).object
    assert isinstance(pod, Pod)
    assert isinstance(there, Node)
    return misfit(pod, there, without_label=KATA_LABEL)


@pytest.mark.parametrize(
    ("spec", "node"),
    [
        ({}, {}),
        ({"nodeSelector": {"zone": "a"}}, {}),
        ({"tolerations": [{"operator": "Exists"}]}, {"spec": {"taints": [TAINT], "unschedulable": True}}),
        ({"tolerations": [{"key": "dedicated", "value": "ims"}]}, {"spec": {"taints": [TAINT]}}),
        ({}, {"spec": {"taints": [{"key": "x", "effect": "PreferNoSchedule"}]}}),
        (affinity("zone", "In", "a", "b"), {}),
        (affinity("zone", "Exists"), {}),
        (affinity("rack", "DoesNotExist"), {}),
        (affinity("zone", "NotIn", "b"), {}),
        (affinity("disks", "Gt", "3"), {}),
        (affinity(KATA_LABEL, "In", "true"), {}),
        ({}, {"status": {"allocatable": None}}),
    ],
)
def test_the_pod_fits(spec: dict[str, Any], node: dict[str, Any]) -> None:
    assert reason(spec, node) is None


@pytest.mark.parametrize(
    ("spec", "node", "expected"),
    [
        ({"nodeSelector": {"zone": "b"}}, {}, "ncn-w001 lacks zone=b"),
        ({}, {"spec": {"unschedulable": True}}, "ncn-w001 is cordoned"),
        ({}, {"spec": {"taints": [TAINT]}}, "ncn-w001 has the taint dedicated"),
        ({"tolerations": [{"key": "dedicated", "value": "x"}]}, {"spec": {"taints": [TAINT]}}, "taint dedicated"),
        (
            {"tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}]},
            {"spec": {"taints": [TAINT]}},
            "taint dedicated",
        ),
        (affinity("zone", "In", "b"), {}, "node affinity"),
        (affinity("disks", "Lt", "4"), {}, "node affinity"),
        (affinity("zone", "Sideways"), {}, "node affinity"),
        ({}, {"status": {"allocatable": {"memory": "8Gi"}}}, "8Gi of memory"),
        ({}, {"status": {"allocatable": {"cpu": "700m"}}}, "700m of cpu"),
    ],
)
def test_the_pod_does_not_fit_and_the_reason_is_said(
    spec: dict[str, Any], node: dict[str, Any], expected: str
) -> None:
    assert expected in (reason(spec, node) or "")

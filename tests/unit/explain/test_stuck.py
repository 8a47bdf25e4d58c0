"""Pods that hang without a word are found by time alone, on every Kubernetes release."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.adapters.rules_files import load_rules
from bot.core.join import join
from bot.core.kata import JoinPolicy
from bot.core.model import Family
from bot.core.settings import Kata, Kubernetes, Nodes
from bot.core.stuck import stuck_pods
from bot.core.world import Objects
from tests.unit.explain.cases import built, said

RULES = load_rules()
POLICY = JoinPolicy.of(Kubernetes(), Nodes(), Kata())
BOUND = datetime(2026, 1, 5, 10, 0, 1, tzinfo=UTC)
OLD_CONDITIONS = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-05T10:00:01Z"}]


def world_with(changes: dict[str, Any]) -> Objects:
    world = Objects()
    for described in ({"base": "pod", "set": changes}, {"base": "node"}):
        world.put(said(built(described)).object)
    return world


def names_of_stuck(world: Objects, after: timedelta) -> list[str]:
    return [seen.subject.uid for seen in stuck_pods(world, RULES, POLICY, BOUND + after, 120)]


@pytest.mark.parametrize("status", [{}, {"conditions": OLD_CONDITIONS}])
def test_a_pod_is_stuck_after_the_time_and_not_before(status: dict[str, Any]) -> None:
    world = world_with({"status": status})
    assert [] == names_of_stuck(world, timedelta(seconds=119))
    assert ["pod-1"] == names_of_stuck(world, timedelta(seconds=120))


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"nodeName": None}},
        {"spec": {"runtimeClassName": None}},
        {"spec": {"runtimeClassName": "kata-clh"}},
        {"status": {"phase": "Running"}},
        {"status": {"phase": "Failed"}},
        {"status": {"conditions": OLD_CONDITIONS, "podIP": "10.32.0.9"}},
        {"metadata": {"deletionTimestamp": "2026-01-05T10:01:00Z"}},
        {"metadata": {"namespace": "services"}},
        {"metadata": {"labels": {"app": None, "app.kubernetes.io/name": None}, "ownerReferences": None}},
    ],
)
def test_other_pods_are_not_stuck(changes: dict[str, Any]) -> None:
    assert [] == names_of_stuck(world_with(changes), timedelta(hours=1))


def test_a_stuck_pod_asks_for_a_look_at_its_node_and_for_no_repair() -> None:
    world = world_with({})
    (seen,) = stuck_pods(world, RULES, POLICY, BOUND + timedelta(seconds=300), 120)
    verdict = join(seen, world, POLICY)
    assert (Family.AMBIGUOUS, "ncn-w001", True, False) == (
        verdict.family,
        verdict.node,
        verdict.confirmed,
        verdict.repairable,
    )
    assert verdict.target is not None
    assert "node-1" == verdict.target.uid
    assert "without a sandbox for 300 s" in verdict.why

"""`tests/cases/events`: one record, the objects that are known, and the verdict."""

from typing import Any

import pytest

from bot.adapters.rules_files import load_rules
from bot.core.classify import classify
from bot.core.join import join
from bot.core.kata import JoinPolicy
from bot.core.objects import Event, Node, Pod
from bot.core.settings import Kata, Kubernetes, Nodes
from tests.unit.explain.cases import built, load_cases, said, world_of

RULES = load_rules()
POLICY = JoinPolicy.of(Kubernetes(), Nodes(), Kata())


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case["case"].replace(" ", "-"))
def test_the_objects_decide(case: dict[str, Any]) -> None:
    record = said(built(case["record"])).object
    assert isinstance(record, Event | Pod | Node)
    verdict = join(classify(record, RULES), world_of(case), POLICY)
    expect = dict(case["expect"])
    assert expect.pop("why", "") in verdict.why
    seen = {
        "family": verdict.family.value,
        "scope": verdict.scope and verdict.scope.value,
        "node": verdict.node,
        "repairable": verdict.repairable,
    }
    assert expect == {key: seen[key] for key in expect}
    if verdict.repairable:
        assert verdict.confirmed
        assert verdict.rule is not None

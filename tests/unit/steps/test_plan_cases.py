"""These facts, that plan: every case of tests/cases/steps/plans.yaml."""

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core.facts import NodeFacts
from bot.core.facts.shims import Shim, ShimState
from bot.core.model import Diagnosis, Plan, Verb
from bot.steps import decode
from bot.steps.planner import Nothing, make_plan
from bot.steps.situation import Situation
from tests.unit.steps import archives, samples

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "steps" / "plans.yaml").read_text())
SHIM = "/opt/kata/bin/containerd-shim-kata-v2"


def bare(node: NodeFacts) -> NodeFacts:
    tree = replace(node.kata_tree, kind="absent", version=None, shim=False)
    config = replace(node.kata_config, present=False, content=b"", enable_annotations=(), file_mem_backend="")
    found = {name: Shim(ShimState.ABSENT, "", "") for name in node.shims.found}
    return replace(node, kata_tree=tree, kata_config=config, shims=replace(node.shims, found=found))


def full(node: NodeFacts) -> NodeFacts:
    rooms = {place: replace(room, free_bytes=1024**3) for place, room in node.space.rooms.items()}
    return replace(node, space=replace(node.space, rooms=rooms))


def without(tool: str) -> Any:
    return lambda node: replace(node, tools=replace(node.tools, present=node.tools.present - {tool}))


def foreign_qemu(node: NodeFacts) -> NodeFacts:
    return samples.configured(node, samples.CONFIGURED.replace("configuration-qemu.toml", "site.toml"))


def half_configured(node: NodeFacts) -> NodeFacts:
    text = samples.CONFIGURED.replace('  pod_annotations = ["io.katacontainers.*"]\n', "")
    return samples.configured(node, text)


PARTS = {
    "half-configured": half_configured,
    "unconfigured": lambda node: replace(
        samples.configured(node, samples.CONFIG), runtime=replace(node.runtime, handlers=frozenset({"runc"}))
    ),
    "bare": bare,
    "full": full,
    "no-crictl": without("crictl"),
    "no-python": without("python3"),
    "foreign-qemu": foreign_qemu,
}


def with_field(node: NodeFacts, path: str, value: Any) -> NodeFacts:
    part, name = path.split(".")
    old = getattr(node, part)
    if part == "shims":
        where = f"/usr/local/bin/{name}"
        shim = Shim(ShimState(value), "" if value == "absent" else where, SHIM if value == "dangling" else "")
        return replace(node, shims=replace(old, found={**old.found, name: shim}))
    if path == "kata_config.content":
        return replace(node, kata_config=replace(old, content=archives.STOCK.encode(), file_mem_backend=""))
    kinds = {field.name: field.type for field in dataclasses.fields(old)}
    if isinstance(value, list):
        inner = [tuple(item) if isinstance(item, list) else item for item in value]
        value = frozenset(inner) if "frozenset" in str(kinds[name]) else tuple(inner)
    return replace(node, **{part: replace(old, **{name: value})})


def situation(case: Mapping[str, Any]) -> Situation:
    node = samples.node_facts()
    for name in case.get("use", ()):
        node = PARTS[name](node)
    for path, value in case.get("node", {}).items():
        node = with_field(node, path, value)
    cluster = samples.cluster(node=samples.api_node(labels={})) if case.get("unlabelled") else samples.cluster()
    ceiling = frozenset(map(Verb, case["ceiling"])) if "ceiling" in case else samples.CEILING
    return samples.situation(
        facts=samples.facts(node, cluster=cluster),
        settings=samples.settings(**case.get("settings", {})),
        ceiling=ceiling,
        peer_versions=case.get("peers", {}),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_facts_lead_to_what_the_case_says(case: Mapping[str, Any]) -> None:
    found = make_plan(situation(case))
    match found:
        case Plan(steps=steps):
            assert [step.name for step in steps] == case.get("plan"), found
        case Diagnosis(why=why, family=family):
            assert case.get("diagnosis", "a plan or nothing") in why
            assert family == case.get("family", family)
        case Nothing(evidence=evidence):
            assert case.get("nothing", "a plan or a diagnosis") in evidence


@pytest.mark.parametrize("case", [c for c in CASES if "plan" in c], ids=lambda c: c["name"])
def test_every_planned_step_can_be_journaled_and_read_back(case: Mapping[str, Any]) -> None:
    plan = make_plan(situation(case))
    assert isinstance(plan, Plan)
    for planned in plan.steps:
        again = decode(planned).planned()
        assert decode(again) == decode(planned)
        assert (again.verb, again.name, again.desired) == (planned.verb, planned.name, planned.desired)
        assert planned.title
        assert planned.why

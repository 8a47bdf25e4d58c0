"""No node has the label: which one gets it, and why the others do not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bot.core.errors import BotError, UnreachableError
from bot.core.facts import NodeFacts
from bot.core.model import Diagnosis, Family, Target, TargetKind
from bot.core.objects import Node
from bot.steps.choose import Candidate, Choice, choose_node, worth_reading
from bot.steps.situation import Situation
from tests.unit.steps import samples

NAMES = ("ncn-w001", "ncn-w002", "ncn-w003")


def workers(**changes: Any) -> list[Node]:
    return [samples.api_node(name, f"uid-{name}", labels={}, **changes) for name in NAMES]


def situation(nodes: Sequence[Node]) -> Situation:
    pod = samples.pod("cray-ims-1-create-abcde", phase="Pending")
    pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, node_name=None))
    cluster = samples.cluster(node=None, workers=tuple(nodes), rescued=(pod,))
    return samples.situation(
        target=Target(TargetKind.CHOOSE_NODE, "kata-qemu"),
        families=(Family.UNSCHEDULABLE_LABEL,),
        facts=replace(samples.facts(cluster=cluster), node=None),
    )


def ready(name: str) -> NodeFacts:
    node = samples.node_facts()
    return replace(node, host=replace(node.host, hostname=name))


def choose(nodes: Sequence[Node], found: dict[str, NodeFacts | BotError] | None = None) -> Choice | Diagnosis:
    read = {name: ready(name) for name in NAMES} | (found or {})
    return choose_node([Candidate(node, read[node.metadata.name]) for node in nodes], situation(nodes))


def test_of_equals_the_first_name_is_picked_whatever_the_order() -> None:
    nodes = workers()
    for order in (nodes, nodes[::-1]):
        choice = choose(order)
        assert isinstance(choice, Choice), choice
        assert choice.node.name == "ncn-w001"
        assert [line.split()[0] for line in choice.runners_up] == ["ncn-w002", "ncn-w003"]


def test_the_smallest_repair_wins() -> None:
    bare = replace(samples.unconfigured_node(), host=ready("ncn-w001").host)
    choice = choose(workers(), {"ncn-w001": bare})
    assert isinstance(choice, Choice)
    assert choice.node.name == "ncn-w002"
    assert choice.why.startswith("ncn-w002 needs verify-sandbox, label")
    assert any("ncn-w001 needs cordon, configure, restart" in line for line in choice.runners_up)


def test_unreadable_and_blocked_nodes_are_named_and_never_picked() -> None:
    node = ready("ncn-w002")
    blocked = replace(node, virtualization=replace(node.virtualization, kvm="absent"))
    choice = choose(workers(), {"ncn-w001": UnreachableError("no answer in 15 s"), "ncn-w002": blocked})
    assert isinstance(choice, Choice)
    assert choice.node.name == "ncn-w003"
    assert "ncn-w001 could not be read: no answer in 15 s" in choice.runners_up
    assert any("ncn-w002 is not repaired: kvm" in line for line in choice.runners_up)


def test_cordoned_nodes_are_not_even_read() -> None:
    nodes = workers()
    nodes[0] = samples.api_node("ncn-w001", "uid-1", labels={}, cordoned=True)
    assert [n.metadata.name for n in worth_reading(situation(nodes))] == ["ncn-w002", "ncn-w003"]
    choice = choose(nodes)
    assert isinstance(choice, Choice)
    assert "ncn-w001 is cordoned" in choice.runners_up


def test_a_label_that_is_there_after_all_is_a_diagnosis() -> None:
    nodes = workers()
    nodes[2] = samples.api_node("ncn-w003", "uid-3")
    diagnosis = choose(nodes)
    assert isinstance(diagnosis, Diagnosis)
    assert "ncn-w003 has the label" in diagnosis.why


def test_without_any_fitting_node_every_reason_is_told() -> None:
    diagnosis = choose(workers(ready="False"))
    assert isinstance(diagnosis, Diagnosis)
    assert [line for line in diagnosis.guidance if "not Ready" in line]

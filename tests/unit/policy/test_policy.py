"""Blockers: who else has a hand on the node, and what a site may waive."""

from dataclasses import replace

from bot.core.facts import Facts
from bot.core.facts.ours import Ours, Rollback
from bot.core.model import Diagnosis, Target, TargetKind, Verb
from bot.core.objects import Node
from bot.core.policy import before_steps, preflight
from bot.core.settings import Settings
from bot.steps.planner import make_plan
from tests.unit.steps import samples

TARGET = Target(TargetKind.NODE, samples.NODE, samples.UID)


def checks(facts: Facts, settings: Settings | None = None) -> list[str]:
    return [b.check for b in preflight(TARGET, facts, settings or samples.settings()).blockers]


def with_node(node: Node | None) -> Facts:
    return samples.facts(cluster=samples.cluster(node=node))


def test_a_healthy_worker_is_not_blocked() -> None:
    assert checks(samples.facts()) == []


def test_a_node_that_is_gone_or_replaced_is_not_touched() -> None:
    assert checks(with_node(None)) == ["node"]
    assert checks(with_node(samples.api_node(uid="another"))) == ["node"]


def test_people_and_csm_come_first() -> None:
    hold = samples.api_node(annotations={"ims-remediation-bot/hold": "firmware update"})
    assert checks(with_node(hold)) == ["hold"]
    rebuilt = samples.api_node(labels={"cray.nls": samples.NODE})
    assert checks(with_node(rebuilt)) == ["cray-nls"]


def test_a_foreign_cordon_blocks_and_our_own_does_not() -> None:
    mark = "ims-remediation-bot/cordon"
    assert checks(with_node(samples.api_node(cordoned=True))) == ["foreign-cordon"]
    other = samples.api_node(cordoned=True, annotations={mark: "wxyz6789"})
    assert checks(with_node(other)) == ["foreign-cordon"]
    own = samples.api_node(cordoned=True, annotations={mark: samples.INCIDENT})
    assert checks(with_node(own)) == []


def test_a_rollback_of_another_incident_blocks_while_it_is_armed() -> None:
    def left(incident: str, *, fired: bool = False, armed: bool = True) -> Facts:
        return samples.facts(replace(samples.node_facts(), ours=Ours((Rollback(incident, fired, armed),), ())))

    assert checks(left("held1")) == ["rollback"]
    (blocker,) = preflight(TARGET, left("held1"), samples.settings()).blockers
    assert "imsbot-rollback-held1.timer is armed" in blocker.why
    assert "within 180 s" in blocker.why
    assert checks(left(samples.INCIDENT)) == []
    assert checks(left("held1", fired=True, armed=False)) == checks(left("held1", armed=False)) == []


def test_a_node_is_not_judged_good_while_its_way_back_is_armed() -> None:
    node = replace(samples.node_facts(), ours=Ours((Rollback("held1", fired=False, armed=True),), ()))
    found = make_plan(samples.situation(node))
    assert isinstance(found, Diagnosis)
    assert ["rollback"] == [b.check for b in found.blockers]


def test_other_runtimes_handlers_and_owners_block() -> None:
    assert checks(with_node(samples.api_node(runtime="cri-o://1.30.0"))) == ["runtime"]
    assert checks(with_node(samples.api_node(ready="False"))) == ["ready"]
    handler = samples.facts(cluster=samples.cluster(runtime_class=samples.kata_class("kata-clh")))
    assert checks(handler) == ["handler"]
    deployed = samples.api_node(labels={"kata-deploy.katacontainers.io/default": "true"})
    assert checks(with_node(deployed)) == ["other-owner"]


def test_the_bots_own_node_is_left_to_another_instance() -> None:
    settings = samples.settings(nodes={"own_node": samples.NODE})
    assert checks(samples.facts(), settings) == ["own-node"]


def test_only_workers_are_touched() -> None:
    settings = samples.settings(nodes={"name_pattern": "^ncn-m[0-9]{3}$"})
    assert checks(samples.facts(), settings) == ["worker"]


def test_a_waived_check_is_not_asked_and_is_named_with_its_reason() -> None:
    settings = samples.settings(checks={"waive": {"kvm": "simulated workers"}})
    node = samples.node_facts()
    node = replace(node, virtualization=replace(node.virtualization, kvm="absent"))
    checked = preflight(TARGET, samples.facts(node), settings)
    assert checked.blockers == ()
    assert checked.not_checked == ("kvm: simulated workers",)


def test_a_cordon_must_leave_enough_other_workers() -> None:
    workers = (
        samples.api_node(),
        samples.api_node("ncn-w002", "2"),
        samples.api_node("ncn-w003", "3", cordoned=True),
    )
    facts = samples.facts(cluster=samples.cluster(workers=workers))
    checked = before_steps([Verb.CORDON], facts, samples.settings())
    assert [b.check for b in checked.blockers] == ["other-workers"]
    assert "only 1 other workers are ready and schedulable (ncn-w002)" in checked.blockers[0].why
    assert before_steps([Verb.LINK], facts, samples.settings()).blockers == ()


def test_noexec_where_the_tree_lands_blocks_an_installation() -> None:
    node = samples.node_facts()
    rooms = {place: replace(room, options=frozenset({"rw", "noexec"})) for place, room in node.space.rooms.items()}
    facts = samples.facts(replace(node, space=replace(node.space, rooms=rooms)))
    checked = before_steps([Verb.INSTALL], facts, samples.settings())
    assert [b.check for b in checked.blockers] == ["noexec"]


def test_a_tree_in_place_needs_rpm_to_tell_whose_files_they_are() -> None:
    node = samples.node_facts()
    facts = samples.facts(replace(node, tools=replace(node.tools, present=node.tools.present - {"rpm"})))
    assert [b.check for b in before_steps([Verb.INSTALL], facts, samples.settings()).blockers] == ["tools-rpm"]
    waived = samples.settings(checks={"waive": {"tools-rpm": "not a SLE"}})
    assert before_steps([Verb.INSTALL], facts, waived).not_checked == ("tools-rpm: not a SLE",)

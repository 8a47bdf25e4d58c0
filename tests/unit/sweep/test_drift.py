"""What a sweep says of nodes: one thing is broken at a time, and its row names exactly that."""

from dataclasses import replace

import pytest

from bot.core.drift import Drift, DriftKind, Row, State, unlike_the_others, worst_first
from bot.core.expected import expected_nodes
from bot.core.facts import NodeFacts
from bot.core.facts.shims import Shim, Shims, ShimState
from bot.core.facts.unit import Unit
from bot.core.model import Target, TargetKind, Verb
from bot.core.objects import Node
from bot.steps.survey import survey_class, survey_node
from tests.unit.steps import samples

EVERY_STEP = frozenset(Verb)
QEMU_SHIM = "containerd-shim-kata-qemu-v2"


def row_of(node: NodeFacts, api: Node | None = None, **settings: object) -> Row:
    cluster = samples.cluster(node=api or samples.api_node(), rescued=())
    s = samples.situation(node, families=(), ceiling=EVERY_STEP, settings=samples.settings(**settings))
    return survey_node(replace(s, facts=replace(s.facts, cluster=cluster)))


def kinds(row: Row) -> list[DriftKind]:
    return [drift.kind for drift in row.drifts]


def without_link() -> NodeFacts:
    node = samples.node_facts()
    broken = {**node.shims.found, QEMU_SHIM: Shim(ShimState.DANGLING, f"/usr/local/bin/{QEMU_SHIM}", "/gone")}
    return replace(node, shims=Shims(broken))


def without_setting() -> NodeFacts:
    node = samples.node_facts()
    return replace(node, kata_config=replace(node.kata_config, enable_annotations=("enable_iommu",)))


def without_file() -> NodeFacts:
    node = samples.node_facts()
    return replace(node, kata_config=replace(node.kata_config, missing=("/opt/kata/libexec/virtiofsd",)))


def not_loaded() -> NodeFacts:
    node = samples.node_facts()
    return replace(node, runtime=replace(node.runtime, handlers=frozenset({"runc"})))


@pytest.mark.parametrize(
    ("node", "kind", "words"),
    [
        (samples.unconfigured_node(), DriftKind.HANDLER_NOT_LOADED, "does not give containerd the handler"),
        (not_loaded(), DriftKind.HANDLER_NOT_LOADED, "has not loaded kata-qemu"),
        (without_file(), DriftKind.FILE_BROKEN, "lacks /opt/kata/libexec/virtiofsd"),
        (without_link(), DriftKind.LINK_BROKEN, "finds no executable"),
        (without_setting(), DriftKind.SETTING_LOST, "it lacks virtio_fs_extra_args"),
    ],
)
def test_what_a_repair_would_do_is_the_drift(node: NodeFacts, kind: DriftKind, words: str) -> None:
    row = row_of(node)
    assert [kind] == kinds(row)
    assert words in row.drifts[0].detail
    assert row.proposes
    assert row.would


def test_a_node_that_is_as_it_should_be_has_no_drift_even_where_every_step_is_planned() -> None:
    for plan in ("minimal", "documented"):
        row = row_of(samples.node_facts(), plan=plan)
        assert State.FINE is row.state
        assert not row.proposes


def test_a_lost_label_is_drift_of_its_own() -> None:
    assert [DriftKind.LABEL_LOST] == kinds(row_of(samples.node_facts(), samples.api_node(labels={})))


def test_a_label_on_a_node_that_is_not_ready_is_drift_that_nobody_repairs_now() -> None:
    row = row_of(samples.node_facts(), samples.api_node(ready="False"))
    assert [DriftKind.LABEL_UNREADY] == kinds(row)
    assert row.blocked.startswith("ready: ")
    assert not row.proposes


def test_a_node_that_a_person_cordoned_is_told_of_and_nothing_is_proposed_for_it() -> None:
    row = row_of(without_link(), samples.api_node(cordoned=True))
    assert [DriftKind.LINK_BROKEN] == kinds(row)
    assert "foreign-cordon" in row.blocked
    assert not row.proposes
    fine = row_of(samples.node_facts(), samples.api_node(cordoned=True))
    assert State.FINE is fine.state, "a cordon alone is no drift"


def test_a_repair_that_cannot_be_done_says_why() -> None:
    kills: Unit = replace(samples.node_facts().unit, kill_mode="control-group")
    row = row_of(samples.unconfigured_node(unit=kills))
    assert [DriftKind.HANDLER_NOT_LOADED] == kinds(row)
    assert "would kill every container" in row.cannot
    assert row.proposes, "picking it shows the diagnosis"
    assert () == row.would


def class_row(**changes: object) -> Row:
    target = Target(TargetKind.RUNTIMECLASS, "kata-qemu")
    s = samples.situation(families=(), target=target, ceiling=EVERY_STEP)
    cluster = samples.cluster(node=None, rescued=(), **changes)
    return survey_class(replace(s, facts=replace(s.facts, node=None, cluster=cluster)))


def test_the_runtimeclass_has_a_row_of_its_own() -> None:
    assert State.FINE is class_row().state
    missing = class_row(runtime_class=None)
    assert [DriftKind.CLASS_CHANGED] == kinds(missing)
    assert ("create the RuntimeClass kata-qemu",) == missing.would
    changed = class_row(runtime_class=samples.kata_class("kata"))
    assert [DriftKind.CLASS_CHANGED] == kinds(changed)
    assert "handler is kata, not kata-qemu" in changed.cannot


def test_a_missing_runtimeclass_is_no_drift_of_the_nodes() -> None:
    s = samples.situation(families=(), ceiling=EVERY_STEP)
    cluster = samples.cluster(runtime_class=None, rescued=())
    assert State.FINE is survey_node(replace(s, facts=replace(s.facts, cluster=cluster))).state


def test_a_version_that_the_others_do_not_have_is_drift() -> None:
    versions = {"ncn-w001": "3.17.0", "ncn-w002": "3.17.0", "ncn-w003": "3.2.0"}
    unlike = unlike_the_others(versions, None)
    assert ["ncn-w003"] == list(unlike)
    assert "Kata 3.2.0, while the expected nodes are: 2 with 3.17.0, 1 with 3.2.0" == unlike["ncn-w003"].detail


@pytest.mark.parametrize(
    ("configured", "odd"), [("3.17.0", {"b"}), ("3.2.0", {"a"}), ("9.9.9", {"a", "b"}), (None, {"a", "b"})]
)
def test_of_two_versions_the_configured_one_is_usual(configured: str | None, odd: set[str]) -> None:
    assert odd == set(unlike_the_others({"a": "3.17.0", "b": "3.2.0"}, configured))


def test_one_version_is_never_unlike() -> None:
    assert {} == unlike_the_others({"a": "3.17.0", "b": "3.17.0"}, "3.2.0")
    assert {} == unlike_the_others({}, None)


def test_expected_are_listed_labelled_and_remembered_workers_and_no_others() -> None:
    workers = [
        samples.api_node("ncn-w001", "1"),
        *(samples.api_node(f"ncn-w00{n}", str(n), labels={}) for n in range(2, 5)),
    ]
    found = expected_nodes(workers, listed=["ncn-w002", "ncn-w009"], remembered={"ncn-w003", "ncn-w008"})
    assert ["ncn-w001", "ncn-w002", "ncn-w003"] == [node.metadata.name for node in found.nodes]
    assert ("ncn-w008", "ncn-w009") == found.gone
    assert ("ncn-w001", "ncn-w002", "ncn-w003", "ncn-w008", "ncn-w009") == found.names


def test_drift_comes_first() -> None:
    def row(name: str, **changes: object) -> Row:
        return Row(Target(TargetKind.NODE, name, name), **changes)  # type: ignore[arg-type]

    drift = (Drift(DriftKind.LABEL_LOST, "x"),)
    rows = [row("a"), row("d", unreadable="?"), row("c", drifts=drift), row("b", drifts=drift)]
    assert ["b", "c", "d", "a"] == [r.target.name for r in worst_first(rows)]

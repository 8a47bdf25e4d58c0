"""A real cluster's watch streams through every failure: each family right, each near miss left alone."""

import json
from collections import Counter
from pathlib import Path

import yaml

from bot.cli.explain import Site, explain
from bot.core.objects import Event
from bot.core.replay import Told

RECORDING = Path(__file__).parents[2] / "cases" / "recordings" / "kata-failures-k8s-1.36"
STREAMS = [str(RECORDING / f"{name}.jsonl") for name in ("events", "pods", "jobs", "nodes", "runtimeclasses")]
LISTS = [str(RECORDING / f"{name}.list.json") for name in ("nodes", "pods")]


def test_every_record_gets_the_verdict_of_its_mark() -> None:
    expected = {
        str(version): (mark["family"], mark["scope"], mark["node"], mark["repairable"])
        for mark in yaml.safe_load((RECORDING / "expected.yaml").read_text())
        for version in mark["versions"]
    }
    told = explain(STREAMS, [], [], Site.of(None))
    assert {} == {
        one.record.metadata.resource_version: _verdict(one)
        for one in told
        if _verdict(one) != expected.get(one.record.metadata.resource_version, ("unrelated", None, None, False))
    }


def test_each_event_pod_and_node_has_one_line_and_deletions_have_none() -> None:
    said: Counter[str] = Counter()
    for stream in STREAMS:
        for text in Path(stream).read_text().splitlines():
            line = json.loads(text)
            if line["type"] in ("ADDED", "MODIFIED"):
                said[line["object"]["kind"]] += 1
    told = Counter(type(one.record).__name__ for one in explain(STREAMS, [], [], Site.of(None)))
    assert {kind: said[kind] for kind in ("Event", "Pod", "Node")} == dict(told)


def test_the_order_of_the_files_makes_no_difference() -> None:
    forth, back = (explain(files, [], [], Site.of(None)) for files in (STREAMS, STREAMS[::-1]))
    assert [_verdict(one) for one in forth] == [_verdict(one) for one in back]


def test_the_lists_of_the_start_change_no_family() -> None:
    told = explain([*LISTS, *STREAMS], [], [], Site.of(None))
    repairable = [one for one in told if one.verdict.repairable]
    assert 21 == len(repairable)


def test_the_end_of_the_story_heals_every_event() -> None:
    """Joined with the cluster as it was left, no old event leads to a repair."""
    told = explain(STREAMS[:1], STREAMS[1:], [], Site.of(None))
    assert [] == [one for one in told if one.verdict.repairable]


def test_events_alone_are_named_and_never_repaired() -> None:
    told = explain(STREAMS[:1], [], [], Site.of(None))
    assert all(isinstance(one.record, Event) for one in told)
    assert [] == [one for one in told if one.verdict.repairable]
    families = Counter(one.verdict.family.value for one in told)
    assert {
        "runtimeclass-missing": 4,
        "unschedulable-label": 1,
        "handler-not-configured": 7,
        "shim-missing": 8,
        "containerd-down": 3,
        "unrelated": 165,
    } == dict(families)


def _verdict(told: Told) -> tuple[str, str | None, str | None, bool]:
    verdict = told.verdict
    return verdict.family.value, verdict.scope and verdict.scope.value, verdict.node, verdict.repairable

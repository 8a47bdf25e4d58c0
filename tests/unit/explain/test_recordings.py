"""Real clusters' watch streams: each family right, at the right record; each near miss left alone."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bot.cli.explain import Site, explain
from bot.core.objects import Event
from bot.core.replay import Told

RECORDINGS = Path(__file__).parents[2] / "cases" / "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """`alone`: family -> how many events are of it when nothing but events is known."""

    name: str
    alone: dict[str, int]

    @property
    def folder(self) -> Path:
        return RECORDINGS / self.name

    @property
    def streams(self) -> list[str]:
        """Events first."""
        return [
            str(self.folder / f"{name}.jsonl") for name in ("events", "pods", "jobs", "nodes", "runtimeclasses")
        ]


FAILURES = Recording(
    "kata-failures-k8s-1.36",
    {
        "runtimeclass-missing": 4,
        "unschedulable-label": 1,
        "handler-not-configured": 7,
        "shim-missing": 8,
        "containerd-down": 3,
        "unrelated": 165,
    },
)
CHAIN = Recording("chain-k8s-1.36", {"runtimeclass-missing": 1, "unschedulable-label": 4, "unrelated": 31})
LISTS = [str(FAILURES.folder / f"{name}.list.json") for name in ("nodes", "pods")]
each_recording = pytest.mark.parametrize("recording", [FAILURES, CHAIN], ids=lambda recording: recording.name)


@each_recording
def test_every_record_gets_the_verdict_of_its_mark(recording: Recording) -> None:
    expected = {
        str(version): (mark["family"], mark["scope"], mark["node"], mark["repairable"])
        for mark in yaml.safe_load((recording.folder / "expected.yaml").read_text())
        for version in mark["versions"]
    }
    told = explain(recording.streams, [], [], Site.of(None))
    verdicts = {one.record.metadata.resource_version: _verdict(one) for one in told}
    assert {} == {
        version: verdict
        for version, verdict in verdicts.items()
        if verdict != expected.get(version, ("unrelated", None, None, False))
    }
    assert set() == expected.keys() - verdicts.keys()


@each_recording
def test_each_event_pod_and_node_has_one_line_and_deletions_have_none(recording: Recording) -> None:
    said: Counter[str] = Counter()
    for stream in recording.streams:
        for text in Path(stream).read_text().splitlines():
            line = json.loads(text)
            if line["type"] in ("ADDED", "MODIFIED"):
                said[line["object"]["kind"]] += 1
    told = Counter(type(one.record).__name__ for one in explain(recording.streams, [], [], Site.of(None)))
    assert {kind: said[kind] for kind in ("Event", "Pod", "Node")} == dict(told)


@each_recording
def test_the_order_of_the_files_makes_no_difference(recording: Recording) -> None:
    streams = recording.streams
    forth, back = (explain(files, [], [], Site.of(None)) for files in (streams, streams[::-1]))
    assert [_verdict(one) for one in forth] == [_verdict(one) for one in back]


def test_the_lists_of_the_start_change_no_family() -> None:
    told = explain([*LISTS, *FAILURES.streams], [], [], Site.of(None))
    repairable = [one for one in told if one.verdict.repairable]
    assert 21 == len(repairable)


@each_recording
def test_the_end_of_the_story_heals_every_event(recording: Recording) -> None:
    """Joined with the cluster as it was left, no old event leads to a repair."""
    told = explain(recording.streams[:1], recording.streams[1:], [], Site.of(None))
    assert [] == [one for one in told if one.verdict.repairable]


@each_recording
def test_events_alone_are_named_and_never_repaired(recording: Recording) -> None:
    told = explain(recording.streams[:1], [], [], Site.of(None))
    assert all(isinstance(one.record, Event) for one in told)
    assert [] == [one for one in told if one.verdict.repairable]
    assert recording.alone == dict(Counter(one.verdict.family.value for one in told))


def test_a_tenants_job_that_fails_in_the_same_words_is_never_the_bots() -> None:
    told = explain(CHAIN.streams, [], [], Site.of(None))
    failing = [one for one in told if isinstance(one.record, Event) and _is_the_tenants(one.record)]
    assert {"FailedCreate", "FailedScheduling"} <= {one.record.reason for one in failing}
    assert {"unrelated"} == {one.verdict.family.value for one in failing}


def _is_the_tenants(event: Event) -> bool:
    return event.involved_object.namespace != "ims" and event.involved_object.name.startswith("nightly-report")


def _verdict(told: Told) -> tuple[str, str | None, str | None, bool]:
    verdict = told.verdict
    return verdict.family.value, verdict.scope and verdict.scope.value, verdict.node, verdict.repairable

"""`imsbot explain`: which inputs it reads, in which order it tells them, and what it says to bad ones."""

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bot.adapters.rules_files import packaged_rules_dir
from bot.cli.explain import Site, explain, print_json, print_lines
from bot.cli.read_objects import parse_source
from bot.core.errors import InputError
from bot.core.objects import Event
from tests.unit.explain.cases import built

POD = built({"base": "pod"})
EVENT = built({"base": "handler-event"})
NODE = built({"base": "node"})
KEYS = {"family", "rule", "scope", "node", "repairable", "why"}


def at(document: dict[str, Any], version: int | None) -> dict[str, Any]:
    meta = {k: v for k, v in document["metadata"].items() if k != "resourceVersion"}
    return {**document, "metadata": meta if version is None else {**meta, "resourceVersion": str(version)}}


def file_of(tmp_path: Path, name: str, *documents: object, indent: int | None = None) -> str:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(document, indent=indent) for document in documents))
    return str(path)


def told_of(*files: str, objects: tuple[str, ...] = ()) -> list[tuple[str, str, bool]]:
    told = explain(files, objects, [], Site.of(None))
    return [(type(o.record).__name__, o.verdict.family.value, o.verdict.repairable) for o in told]


HANDLER = "handler-not-configured"
REPAIRABLE = ("Event", HANDLER, True)
UNPROVEN = ("Event", HANDLER, False)
QUIET_POD = ("Pod", "unrelated", False)


def test_watch_lines_and_objects_may_be_mixed(tmp_path: Path) -> None:
    lines = file_of(tmp_path, "a", {"type": "ADDED", "object": POD}, EVENT, {"type": "MODIFIED", "object": EVENT})
    assert [QUIET_POD, REPAIRABLE, REPAIRABLE] == told_of(lines)


def test_deletions_bookmarks_and_errors_give_no_line(tmp_path: Path) -> None:
    lines = file_of(
        tmp_path,
        "a",
        {"type": "ADDED", "object": POD},
        {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "7"}}},
        {"type": "ERROR", "object": {"kind": "Status", "code": 410}},
        {"type": "DELETED", "object": POD},
        EVENT,
    )
    assert [QUIET_POD, UNPROVEN] == told_of(lines)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_says_everything_at_once(tmp_path: Path, indent: int | None) -> None:
    listed = file_of(tmp_path, "a", {"kind": "List", "items": [EVENT, POD, NODE]}, indent=indent)
    assert [REPAIRABLE, QUIET_POD, ("Node", "unrelated", False)] == told_of(listed)


def test_items_of_a_typed_list_have_its_kind(tmp_path: Path) -> None:
    bare = {key: value for key, value in POD.items() if key != "kind"}
    pods = file_of(tmp_path, "pods", {"kind": "PodList", "apiVersion": "v1", "items": [bare]})
    assert [QUIET_POD, REPAIRABLE] == told_of(pods, file_of(tmp_path, "event", EVENT))


def test_an_empty_list_and_an_empty_file_say_nothing(tmp_path: Path) -> None:
    assert [] == told_of(file_of(tmp_path, "a", {"kind": "List", "items": None}), file_of(tmp_path, "b"))


def test_an_event_before_its_pod_is_not_joined_with_it(tmp_path: Path) -> None:
    assert [UNPROVEN, QUIET_POD] == told_of(file_of(tmp_path, "a", at(EVENT, None), at(POD, None)))


def test_several_files_are_merged_by_version(tmp_path: Path) -> None:
    events = file_of(tmp_path, "events", at(EVENT, 30), at(EVENT, 50))
    pods = file_of(tmp_path, "pods", at(POD, 40))
    assert [UNPROVEN, QUIET_POD, REPAIRABLE] == told_of(events, pods)


def test_several_files_are_sorted_as_a_whole_even_when_one_is_not(tmp_path: Path) -> None:
    pods = file_of(tmp_path, "pods", at(NODE, 50), at(POD, 10))
    told = told_of(file_of(tmp_path, "events", at(EVENT, 30)), pods)
    assert [QUIET_POD, REPAIRABLE, ("Node", "unrelated", False)] == told


def test_one_file_keeps_its_order(tmp_path: Path) -> None:
    assert [UNPROVEN, QUIET_POD] == told_of(file_of(tmp_path, "a", at(EVENT, 30), at(POD, 10)))


def test_an_event_is_joined_with_its_list_also_among_other_files(tmp_path: Path) -> None:
    cordoned = built({"base": "node", "set": {"spec": {"unschedulable": True}}})
    listed = {"kind": "List", "items": [at(EVENT, 30), at(POD, 10), at(cordoned, 90)]}
    told = told_of(file_of(tmp_path, "a", listed), file_of(tmp_path, "b", at(built({"base": "job"}), 5)))
    assert [QUIET_POD, UNPROVEN, ("Node", "unrelated", False)] == told


@pytest.mark.parametrize(("in_list", "in_stream"), [(10, 20), (40, 20)])
def test_of_a_list_and_a_stream_the_newer_state_counts(tmp_path: Path, in_list: int, in_stream: int) -> None:
    running = built({"base": "pod", "set": {"status": {"phase": "Running"}}})
    newer, older = (running, POD) if in_list > in_stream else (POD, running)
    listed = {"kind": "List", "items": [at(newer, in_list), at(EVENT, 30)]}
    stream = {"type": "MODIFIED", "object": at(older, in_stream)}
    told = told_of(file_of(tmp_path, "a", listed), file_of(tmp_path, "b", stream))
    assert ("Event", "unrelated", False) in told


def test_versions_are_compared_as_numbers(tmp_path: Path) -> None:
    assert [QUIET_POD, REPAIRABLE] == told_of(
        file_of(tmp_path, "events", at(EVENT, 1000)), file_of(tmp_path, "pods", at(POD, 999))
    )


def test_records_without_a_version_keep_their_place(tmp_path: Path) -> None:
    events = file_of(tmp_path, "events", at(EVENT, 10), at(EVENT, None))
    pods = file_of(tmp_path, "pods", at(POD, 20), at(NODE, None))
    assert ["Event", "Event", "Pod", "Node"] == [kind for kind, _, _ in told_of(events, pods)]


def named(base: dict[str, Any], number: int) -> dict[str, Any]:
    meta = {"name": f"p{number}", "uid": f"u{number}"}
    if base["kind"] == "Event":
        return {**base, "involvedObject": {**base["involvedObject"], **meta}}
    return {**base, "metadata": {**base["metadata"], **meta}}


def work_of(tmp_path: Path, records: int) -> int:
    """How many lines of Python it takes to explain so many pods and as many events: the same on every machine."""
    pods, events = ([named(base, number) for number in range(records)] for base in (POD, EVENT))
    files = (
        file_of(tmp_path, f"lines{records}", NODE, *pods, *events),
        file_of(tmp_path, f"list{records}", {"kind": "List", "items": [*pods, *events]}),
    )
    lines = 0

    def count(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        told = told_of(*files)
    finally:
        sys.settrace(before)
    assert 2 * records == told.count(REPAIRABLE)
    return lines


def test_a_record_costs_the_same_however_many_pods_are_known(tmp_path: Path) -> None:
    work_of(tmp_path, 10)  # what is compiled and cached once
    assert 2.2 > work_of(tmp_path, 400) / work_of(tmp_path, 200)


def test_objects_are_joined_with_and_give_no_lines(tmp_path: Path) -> None:
    event = file_of(tmp_path, "event", EVENT)
    objects = file_of(tmp_path, "objects", {"kind": "List", "items": [POD, NODE]})
    assert [REPAIRABLE] == told_of(event, objects=(objects,))


def test_the_given_objects_are_right_where_the_files_are_older(tmp_path: Path) -> None:
    running = built({"base": "pod", "set": {"status": {"phase": "Running"}}})
    objects = file_of(tmp_path, "objects", {"kind": "List", "items": [running]})
    assert [QUIET_POD, ("Event", "unrelated", False)] == told_of(
        file_of(tmp_path, "a", POD, EVENT), objects=(objects,)
    )


def test_a_pod_without_a_sandbox_is_ambiguous_after_120_s_of_recorded_time(tmp_path: Path) -> None:
    late = built(
        {
            "base": "node",
            "set": {
                "status": {
                    "conditions": [
                        {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-05T10:02:01Z"}
                    ]
                }
            },
        }
    )
    assert [("Node", "unrelated", False), ("Pod", "ambiguous", False)] == told_of(
        file_of(tmp_path, "a", late, POD)
    )
    assert [QUIET_POD] == told_of(file_of(tmp_path, "b", POD))


def test_events_of_the_newer_group_are_the_same_events(tmp_path: Path) -> None:
    newer = {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": EVENT["metadata"],
        "regarding": EVENT["involvedObject"],
        "note": EVENT["message"],
        "reason": EVENT["reason"],
        "type": "Warning",
        "reportingController": "kubelet",
        "reportingInstance": "ncn-w001",
        "eventTime": "2026-01-05T10:00:30.000001Z",
        "deprecatedSource": {"component": "kubelet", "host": "ncn-w001"},
        "series": None,
    }
    assert [QUIET_POD, REPAIRABLE] == told_of(file_of(tmp_path, "a", POD, newer))


def test_items_of_an_api_server_s_list_have_its_group(tmp_path: Path) -> None:
    newer = {
        "metadata": EVENT["metadata"],
        "regarding": EVENT["involvedObject"],
        "note": EVENT["message"],
        "reason": EVENT["reason"],
        "type": "Warning",
        "reportingController": "kubelet",
    }
    listed = {"kind": "EventList", "apiVersion": "events.k8s.io/v1", "items": [newer]}
    assert [QUIET_POD, REPAIRABLE] == told_of(file_of(tmp_path, "a", POD, listed))


@pytest.mark.parametrize(
    "foreign",
    [
        {"kind": "Node", "apiVersion": "longhorn.io/v1beta2", "status": {"conditions": {"Ready": {}}}},
        {"kind": "NodeList", "apiVersion": "longhorn.io/v1beta2", "items": [{"metadata": {"name": "a"}}]},
        {"kind": "Job", "apiVersion": "batch.volcano.sh/v1alpha1", "spec": {"tasks": []}},
    ],
)
def test_kinds_of_other_groups_are_passed_over(tmp_path: Path, foreign: dict[str, Any]) -> None:
    assert [QUIET_POD, REPAIRABLE] == told_of(file_of(tmp_path, "a", foreign, POD, EVENT))


def test_kinds_that_nobody_asks_for_are_passed_over(tmp_path: Path) -> None:
    assert [] == told_of(file_of(tmp_path, "a", {"kind": "Secret", "metadata": {"name": "x"}}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"kind": "Event", "metadata": {}}\n{"kind": "Ev', "f:2: not JSON"),
        ('{"kind": "Event"}\n\nnonsense', "f:3: not JSON"),
        ("[1, 2]", "f:1: a Kubernetes object, a watch line or a List is expected, this is a list"),
        ("7", "f:1: a Kubernetes object"),
        ('{"kind": "Pod", "metadata": {"name": 3}}', "f:1: no Pod as Kubernetes writes it"),
        ('{"kind": "Event", "count": NaN}', "NaN is not a JSON number"),
        ('{"metadata": {}}', "f:1: no Kubernetes object: it has no kind"),
        ('{"type": "CHANGED", "object": {"kind": "Pod"}}', "this is 'CHANGED'"),
        ('{"type": "ADDED"}', "the watch line's object is expected, this is null"),
        ('{"kind": "List", "items": {}}', "must be a list, this is an object"),
        (
            '{"kind": "PodList", "items": [{"metadata": {}}, 4]}',
            "items.1: an object is expected, this is a number",
        ),
        ("[" * 100000, "f:1: not JSON as an API server writes it"),
        ('{"type": {}, "object": {}}', "a watch line's type is one of"),
        ('{"kind": "Event", "eventTime": "2026-01-05T10:00:00"}', "with a timezone component"),
    ],
)
def test_bad_input_is_one_line_with_file_and_line(text: str, expected: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_source(text.encode(), "f")
    assert expected in str(refused.value)
    assert 1 == len(str(refused.value).splitlines())


@pytest.mark.parametrize("depth", [100, 400, 600, 900])
def test_depth_is_either_read_or_refused(depth: int) -> None:
    text = '{"kind": "Pod", "x": ' + '{"a": ' * depth + "1" + "}" * (depth + 1)
    with contextlib.suppress(InputError):
        assert 1 == len(parse_source(text.encode(), "f").said)


def test_bytes_that_are_no_text_are_named_by_line() -> None:
    with pytest.raises(InputError, match="f:2: not UTF-8"):
        parse_source(b'{"kind":"Event"}\n\xff\xfe', "f")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: cannot be read: No such file"):
        told_of(str(tmp_path / "nowhere"))


def test_standard_input_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(EVENT).encode())))
    assert [UNPROVEN] == told_of("-")
    with pytest.raises(InputError, match="only once"):
        told_of("-", "-")


def test_json_lines_have_exactly_the_agreed_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(explain([file_of(tmp_path, "a", POD, EVENT)], [], [], Site.of(None)))
    lines = capsys.readouterr().out.splitlines()
    assert [KEYS, KEYS] == [set(json.loads(line)) for line in lines]
    assert '{"family":"handler-not-configured","rule":"handler-not-configured","scope":"node",' in lines[1]
    assert '"node":"ncn-w001","repairable":true,' in lines[1]


def test_hostile_names_reach_nobody_s_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = built({"base": "handler-event", "set": {"involvedObject": {"name": "a\x1b[31m[bold]\u202eb\ud800"}}})
    told = explain([file_of(tmp_path, "a", hostile)], [], [], Site.of(None))
    print_json(told)
    print_lines(told)
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert "a\\u001b[31m[bold]\\u202eb\\ud800" in shown


def test_the_command_exits_2_for_bad_input_and_0_else() -> None:
    command = [sys.executable, "-m", "bot", "explain", "--output", "json", "-"]
    bad = subprocess.run(command, input=b"{", capture_output=True, check=False, timeout=60)
    assert (2, b"") == (bad.returncode, bad.stdout)
    assert bad.stderr.startswith(b"imsbot: <stdin>:1: not JSON")
    good = subprocess.run(command, input=json.dumps(EVENT).encode(), capture_output=True, check=False, timeout=60)
    assert (0, b"") == (good.returncode, good.stderr)
    assert KEYS == set(json.loads(good.stdout))


def test_an_event_with_next_to_nothing_is_read() -> None:
    (said,) = parse_source(
        b'{"kind":"Event","message":null,"source":null,"involvedObject":{"kind":"Pod"}}', "f"
    ).said
    assert isinstance(said.object, Event)


def test_rules_of_a_folder_are_tried_without_any_configuration(tmp_path: Path) -> None:
    """A rule that is being written needs no key and no token."""
    rules = tmp_path / "rules"
    shutil.copytree(packaged_rules_dir(), rules)
    (rules / f"{HANDLER}.yaml").unlink()
    told = explain([file_of(tmp_path, "a", POD, EVENT)], [], [], Site.of(None, rules))
    assert HANDLER not in {one.verdict.family.value for one in told}
    with pytest.raises(InputError):
        explain([file_of(tmp_path, "a", POD)], [], [], Site.of(None, tmp_path / "nowhere"))

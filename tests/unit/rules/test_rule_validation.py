"""What is wrong with a rule file is said at once, with file and path, before anything runs."""

import copy
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.rules_files import load_rules
from bot.core.errors import InputError
from bot.core.regex import problem_of
from bot.core.rules_proof import parse_rules

MESSAGE = 'no runtime for "kata-qemu" is configured'
GOOD: dict[str, Any] = {
    "family": "handler-not-configured",
    "summary": "the handler is not known",
    "scope": "node",
    "steps": ["configure", "restart"],
    "approval": "required",
    "limits": {"attempts": 2, "window_h": 24},
    "signatures": [
        {
            "kinds": ["Pod"],
            "reasons": ["FailedCreatePodSandBox"],
            "wordings": [{"about": "all", "regex": 'no runtime for "(?P<handler>[^"]{1,253})" is configured'}],
        }
    ],
    "examples": [{"kind": "Pod", "reason": "FailedCreatePodSandBox", "message": MESSAGE}],
    "near_misses": [{"kind": "Pod", "reason": "Failed", "message": MESSAGE, "because": "container stage"}],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **changes}


def faults_of(*documents: tuple[str, object]) -> str:
    with pytest.raises(InputError) as refused:
        parse_rules(documents)
    return str(refused.value)


def test_a_good_rule_is_taken() -> None:
    assert "handler-not-configured" == parse_rules([("a.yaml", GOOD)]).rules[0].name


def test_all_faults_of_all_files_are_named_with_their_paths() -> None:
    faults = faults_of(
        ("a.yaml", changed(summery="x", scope="planet")),
        ("b.yaml", changed(limits={"attempts": "many", "window_h": 24})),
        ("c.yaml", None),
    )
    for expected in ("a.yaml: summery: unknown key", "a.yaml: scope:", "b.yaml: limits.attempts:", "c.yaml:"):
        assert expected in faults


def test_a_regular_expression_that_does_not_compile_is_quoted() -> None:
    signatures = copy.deepcopy(GOOD["signatures"])
    signatures[0]["wordings"][0]["regex"] = "no runtime for (is configured"
    faults = faults_of(("a.yaml", changed(signatures=signatures)))
    assert "a.yaml: signatures.0.wordings.0.regex: 'no runtime for (is configured' is not a regular" in faults


def test_an_unknown_group_is_refused() -> None:
    signatures = copy.deepcopy(GOOD["signatures"])
    signatures[0]["wordings"][0]["regex"] = "no runtime for (?P<colour>.{1,50})"
    assert "captures colour" in faults_of(("a.yaml", changed(signatures=signatures)))


def test_two_rules_for_one_family_are_refused() -> None:
    faults = faults_of(("a.yaml", GOOD), ("b.yaml", GOOD))
    assert "b.yaml: family: handler-not-configured has a rule already, in a.yaml" in faults


def test_a_rule_that_does_not_name_its_own_example_is_refused() -> None:
    examples = [{"kind": "Pod", "reason": "FailedCreatePodSandBox", "message": "something else entirely"}]
    assert "a.yaml: examples.0: is named by no rule" in faults_of(("a.yaml", changed(examples=examples)))


def test_an_example_says_what_its_groups_capture() -> None:
    examples = [{**GOOD["examples"][0], "names": {"handler": "kata"}}]
    assert "a.yaml: examples.0.names: captured" in faults_of(("a.yaml", changed(examples=examples)))


def test_a_rule_that_claims_its_near_miss_is_refused() -> None:
    assert "a.yaml: near_misses.0" in faults_of(("a.yaml", changed(near_misses=GOOD["examples"])))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": ["runtimeclass"]}, "only a rule of scope cluster"),
        ({"scope": "cluster"}, "may only do runtimeclass"),
        ({"limits": None}, "how often it may be tried"),
        ({"steps": [], "limits": None}, "guidance"),
        ({"steps": ["reboot"]}, "steps.0"),
        ({"approval": "maybe"}, "approval"),
        ({"family": "unrelated"}, "what no rule names"),
        ({"near_misses": []}, "near_misses"),
        ({"examples": []}, "examples"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert expected in faults_of(("a.yaml", changed(**changes)))


@pytest.mark.parametrize(
    "pattern", [r"(a+)+b", r"(?:a{1,9}b*)*", r"(\w+)\1", r"a*b*c*", r"((a|b){2,})+", r"(?P<x>a)(?P=x)"]
)
def test_patterns_that_can_take_exponential_time_are_refused(pattern: str) -> None:
    assert problem_of(pattern) is not None


@pytest.mark.parametrize("pattern", [r"(?:a|b)?c{1,9}", r"[(+*]{1,5}x", r"(?:a{0,3}: )?b.*", r"a\(b+\)"])
def test_bounded_patterns_are_taken(pattern: str) -> None:
    assert problem_of(pattern) is None


def test_a_directory_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rules"):
        load_rules(tmp_path)


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("family: [")
    with pytest.raises(InputError, match=r"broken\.yaml: not YAML"):
        load_rules(tmp_path)


def test_two_families_at_the_same_depth_contradict_each_other() -> None:
    other = changed(family="shim-missing", near_misses=[{"kind": "Pod", "reason": "x", "message": "y"}])
    faults = faults_of(("a.yaml", GOOD), ("b.yaml", other))
    assert "a.yaml: examples.0: is named handler-not-configured and shim-missing" in faults

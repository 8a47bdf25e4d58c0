"""The rules that come with the program prove themselves, cover every family, and are safe on hostile text."""

import time
from pathlib import Path

import pytest
import yaml

from bot.adapters.rules_files import load_rules, packaged_rules_dir
from bot.core.model import Family, Scope, Verb
from bot.core.rules import Example, Rule, RuleSet, Statement

RULES = load_rules()
NODE_STEPS = {
    Verb.INSTALL,
    Verb.LINK,
    Verb.CONFIGURE,
    Verb.TUNE,
    Verb.CORDON,
    Verb.RESTART,
    Verb.VERIFY,
    Verb.LABEL,
    Verb.UNCORDON,
    Verb.RECORD,
}
REPAIRED = {
    Family.RUNTIMECLASS_MISSING,
    Family.HANDLER_NOT_CONFIGURED,
    Family.SHIM_MISSING,
    Family.KATA_CONFIG_MISSING,
    Family.KATA_ARTIFACT_MISSING,
    Family.UNSCHEDULABLE_LABEL,
    Family.ANNOTATION_NOT_ENABLED,
}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RULES


def _examples() -> list[tuple[Rule, Example]]:
    return [(rule, example) for rule in RULES.rules for example in rule.examples]


def _near_misses() -> list[tuple[Rule, Example]]:
    return [(rule, near_miss) for rule in RULES.rules for near_miss in rule.near_misses]


@pytest.mark.parametrize(("rule", "example"), _examples(), ids=lambda v: getattr(v, "name", None))
def test_an_example_is_named_by_its_rule_alone(rules: RuleSet, rule: Rule, example: Example) -> None:
    assert [rule.family] == [match.rule.family for match in rules.matches(example.statement)]


@pytest.mark.parametrize(("rule", "near_miss"), _near_misses(), ids=lambda v: getattr(v, "name", None))
def test_a_near_miss_is_not_named_by_the_rule(rules: RuleSet, rule: Rule, near_miss: Example) -> None:
    assert rule.family not in {match.rule.family for match in rules.matches(near_miss.statement)}


def test_every_family_but_unrelated_has_one_rule_and_its_file_has_its_name(rules: RuleSet) -> None:
    assert set(Family) - {Family.UNRELATED} == {rule.family for rule in rules.rules}
    assert {rule.name for rule in rules.rules} == {file.stem for file in packaged_rules_dir().glob("*.yaml")}


def test_the_ceiling_of_each_family_is_the_one_of_the_design(rules: RuleSet) -> None:
    for rule in rules.rules:
        if rule.family not in REPAIRED:
            expected: set[Verb] = set()
        else:
            expected = {Verb.RUNTIMECLASS} if rule.scope is Scope.CLUSTER else NODE_STEPS
        assert expected == set(rule.steps), rule.name


def test_every_near_miss_says_why(rules: RuleSet) -> None:
    assert [] == [rule.name for rule in rules.rules for near in rule.near_misses if not near.because]


@pytest.mark.parametrize(
    "bait",
    [
        "0/1 nodes are available: " + "1 node(s) didn't match " * 3000,
        "Failed to create pod sandbox: " * 2000,
        'failed to create shim task: Others("' + "failed to handle message x\\n" * 2000,
        "failed to create containerd task: failed to create shim task: " + "path file a is " * 4000,
        "Cannot find usable config file (" + "file /opt/kata/x does not exist " * 2000,
        "1: a\n   2: b\n   " * 4000,
        "a" * 65536,
        "/" * 65536,
        '"' * 65536,
        " : = " * 13000,
    ],
    ids=lambda bait: bait[:24],
)
@pytest.mark.parametrize(
    "reason", ["FailedCreatePodSandBox", "FailedScheduling", "FailedCreate", "KubeletNotReady"]
)
def test_hostile_text_of_64_kb_ends(rules: RuleSet, bait: str, reason: str) -> None:
    """A pattern that backtracks without bound would take minutes; the bound is no measure of speed."""
    began = time.perf_counter()
    for kind in ("Pod", "Job", "Node"):
        rules.matches(Statement(kind, reason, "", bait))
    assert time.perf_counter() - began < 30


def test_the_readme_explains_every_key() -> None:
    readme = (packaged_rules_dir() / "README.md").read_text()
    keys = {key for file in packaged_rules_dir().glob("*.yaml") for key in _keys(yaml.safe_load(file.read_text()))}
    assert set() == {key for key in keys if f"`{key}`" not in readme}


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        nested = {key: inner for key, inner in value.items() if key != "names"}
        return {*value, *(k for inner in nested.values() for k in _keys(inner))}
    if isinstance(value, list):
        return {key for inner in value for key in _keys(inner)}
    return set()


def test_an_installed_program_finds_its_rules() -> None:
    assert Path("rules").resolve() == packaged_rules_dir().resolve()

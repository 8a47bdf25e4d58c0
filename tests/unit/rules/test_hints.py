"""Hints only ever say what cannot match: whatever a pattern matches holds one of them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.rules_files import load_rules
from bot.core.hints import Hints, hints_of
from bot.core.rules import Rule, Statement, Wording
from bot.core.wording import causes

RULES = load_rules()
WORDINGS = [w for rule in RULES.rules for signature in rule.signatures for w in signature.wordings]


@pytest.mark.parametrize(
    ("regex", "hints"),
    [
        ("no runtime is configured", ("no runtime is configured",)),
        (r"annotation io\.katacontainers\.[a-z]+ is not", ("annotation io.katacontainers.",)),
        ("a lon(g word)", ("g word",)),
        ("a long word(?: or more)?", ("a long word",)),
        ("a long word(?! or more)", ("a long word",)),
        ("(?:one|two) words", (" words",)),
        ("(?:one thing|another) [a-z]+", ("one thing", "another")),
        ("one thing|another", ("one thing", "another")),
        ("one thing|[a-z]+", ()),
        ("longest?", ("longes",)),
        ("longest{0,3}", ("longes",)),
        ("longest+ of", ("longest",)),
        ('name "kata" is', ("name ",)),
        (r"first\nsecond line", ("second line",)),
        (r"[]ab\]]+ end", (" end",)),
        (r"\x41 letter", ()),
        ("(?i:Any) case", ()),
        ("[a-z]+", ()),
        ("(?P<path>/opt/kata/[a-z]+) gone", ("/opt/kata/",)),
    ],
)
def test_the_longest_text_that_must_be_there(regex: str, hints: Hints) -> None:
    assert hints == hints_of(regex)


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda w: w.regex[:40])
def test_every_wording_of_ours_can_be_dismissed_by_its_words(wording: Wording) -> None:
    assert min(map(len, wording.hints)) > 5 or "toml: " in wording.hints


@settings(max_examples=200)
@given(st.data())
def test_what_a_wording_matches_holds_a_hint(data: st.DataObject) -> None:
    wording = data.draw(st.sampled_from(WORDINGS))
    text = data.draw(st.from_regex(wording.compiled, fullmatch=True))
    assert any(hint in text for hint in wording.hints)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_a_hint_survives_the_wrappings_of_its_message(rule: Rule) -> None:
    """The layers may have been unquoted; the hint is looked for in the message as it came."""
    for example in rule.examples:
        matches = RULES.matches(example.statement)
        assert matches
        assert all(any(hint in example.message for hint in match.wording.hints) for match in matches)


@settings(max_examples=200)
@given(st.data())
def test_quoting_by_the_rust_runtime_hides_no_hint(data: st.DataObject) -> None:
    cause = data.draw(st.from_regex(data.draw(st.sampled_from(WORDINGS)).compiled, fullmatch=True))
    quoted = cause.replace('"', '\\"').replace("\n", "\\n")
    message = f'Failed to create pod sandbox: rpc error: code = Unknown desc = Others("{quoted}")'
    statement = Statement("Pod", "FailedCreatePodSandBox", "kubelet", message)
    expected = [rule.name for rule in RULES.rules if rule.match(statement, causes(message)) is not None]
    assert bool(expected) == bool(RULES.matches(statement))


def test_a_pattern_that_the_reader_does_not_know_is_always_tried() -> None:
    wording = Wording(about="odd", regex=r"\x66ailed to start")
    assert ("",) == wording.hints
    assert re.fullmatch(wording.regex, "failed to start")

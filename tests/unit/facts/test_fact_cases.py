"""This output, that fact: every file of tests/cases/facts, and every fact has such a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core import facts
from bot.core.errors import UnknownFactError
from bot.core.facts.frame import Output

CASES = Path(__file__).parents[2] / "cases" / "facts"
PARSERS = {fact.NAME: fact for fact in facts.FACTS}


def cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}"))
    return found


def plain(value: Any) -> Any:
    """As YAML can say it."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize(("fact", "case"), cases())
def test_an_output_is_read_as_its_case_says(fact: str, case: Mapping[str, Any]) -> None:
    output = Output(fact, case.get("exit", 0), case["out"].encode(), case.get("err", ""))
    if "unknown" in case:
        with pytest.raises(UnknownFactError) as raised:
            PARSERS[fact].parse(output)
        assert case["unknown"] in str(raised.value)
        assert f"fact {fact}" in str(raised.value)
        return
    found = PARSERS[fact].parse(output)
    assert {name: plain(getattr(found, name)) for name in case["fact"]} == case["fact"]


def test_every_fact_has_its_cases() -> None:
    assert sorted(PARSERS) == sorted(path.stem for path in CASES.glob("*.yaml"))

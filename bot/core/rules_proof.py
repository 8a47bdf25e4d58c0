"""Checks the rules, all at once: their form, that each family has one, and that each recognises its own examples.

A rule that does not name its own example, or claims its own near miss, is not a rule: it stops the start.
"""

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from bot.core.errors import InputError
from bot.core.model import Family
from bot.core.rules import Rule, RuleSet


def parse_rules(documents: Sequence[tuple[str, object]]) -> RuleSet:
    """Check (file name, parsed YAML) pairs. Raises InputError that lists every fault with its file and path."""
    faults: list[str] = []
    parsed: list[tuple[str, Rule]] = []
    for name, document in documents:
        try:
            parsed.append((name, Rule.model_validate(document)))
        except ValidationError as error:
            faults += [f"{name}: {line}" for line in _lines(error)]
    faults += _duplicates(parsed)
    rules = RuleSet(tuple(rule for _, rule in parsed))
    if not faults:
        faults += [fault for name, rule in parsed for fault in _disproofs(name, rule, rules)]
    if not documents:
        faults.append("no rules: the directory holds no *.yaml file")
    if faults:
        raise InputError("the rules cannot be used:\n" + "\n".join(f"  {fault}" for fault in faults))
    return rules


def _lines(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        message = fault["msg"].removeprefix("Value error, ")
        yield f"{path}: {'unknown key' if fault['type'] == 'extra_forbidden' else message}"


def _duplicates(parsed: Sequence[tuple[str, Rule]]) -> Iterator[str]:
    first: dict[Family, str] = {}
    for name, rule in parsed:
        if (earlier := first.setdefault(rule.family, name)) != name:
            yield f"{name}: family: {rule.name} has a rule already, in {earlier}; merge the two"


def _disproofs(name: str, rule: Rule, rules: RuleSet) -> Iterator[str]:
    """Examples that the rule set does not name, and near misses that the rule claims."""
    for index, example in enumerate(rule.examples):
        matches = rules.matches(example.statement)
        families = [match.rule.name for match in matches]
        if families != [rule.name]:
            yield f"{name}: examples.{index}: is named {' and '.join(families) or 'by no rule'}, not {rule.name}"
        elif example.names.items() - matches[0].names.items():
            yield f"{name}: examples.{index}.names: captured {matches[0].names}, not {example.names}"
    for index, near_miss in enumerate(rule.near_misses):
        if any(match.rule is rule for match in rules.matches(near_miss.statement)):
            yield f"{name}: near_misses.{index}: the rule claims it; make the pattern stricter"

"""Builds the records and worlds of `tests/cases/events` from their data files."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.cli.read_objects import parse_source
from bot.core.objects import Job, Node, Pod, RuntimeClass
from bot.core.replay import Said
from bot.core.world import Kind, Objects

CASES = Path(__file__).parents[2] / "cases" / "events"
KINDS: dict[str, Kind] = {"Pod": Pod, "Job": Job, "Node": Node, "RuntimeClass": RuntimeClass}


def load_cases() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = yaml.safe_load((CASES / "cases.yaml").read_text())
    return cases


def built(described: dict[str, Any]) -> dict[str, Any]:
    """An object from its base and what the case sets."""
    if "base" not in described:
        return described
    return merged(_bases()[described["base"]], described.get("set", {}))


@cache
def _bases() -> dict[str, dict[str, Any]]:
    bases: dict[str, dict[str, Any]] = yaml.safe_load((CASES / "bases.yaml").read_text())
    return bases


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def said(document: dict[str, Any]) -> Said:
    (one,) = parse_source(json.dumps(document).encode(), "case").said
    return one


def world_of(case: dict[str, Any]) -> Objects:
    world = Objects()
    world.mark_listed(KINDS[name] for name in case.get("listed", ()))
    for described in case["given"]:
        world.put(said(built(described)).object)
    return world

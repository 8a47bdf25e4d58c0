"""Label and field selectors, with the grammar and the refusals of the real server.

A selector is parsed once into a predicate over an object; the same predicate serves lists, watches (where
the *change* of its answer decides between ADDED and DELETED) and the budgets of an eviction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .resources import KubeObject, Resource
from .status import bad_request

Predicate = Callable[[KubeObject], bool]

_SET_TERM = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL_TERM = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^=!\s]*)$")
_KEY = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
_FIELD_TERM = re.compile(r"^(?P<path>[^=!]+?)(?P<op>==|=|!=)(?P<value>[^=!]*)$")


def parse_labels(text: str) -> Predicate:
    """`a=b,c!=d,e in (f,g),h,!i`; empty selects everything. Raises 400 for what cannot be parsed."""
    terms = [_label_term(term.strip()) for term in _split_outside_parentheses(text) if term.strip()]

    def selected(obj: KubeObject) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(term(labels) for term in terms)

    return selected


def match_labels(selector: Mapping[str, Any]) -> Callable[[Mapping[str, str]], bool]:
    """The `matchLabels` part of a LabelSelector object; an empty one matches nothing (as budgets do)."""
    wanted: dict[str, str] = dict(selector.get("matchLabels") or {})
    return lambda labels: bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def parse_fields(text: str, resource: Resource) -> Predicate:
    """`spec.nodeName=x,status.phase!=Running`. Raises 400 for a path that the type does not index."""
    terms = [_field_term(term.strip(), resource) for term in text.split(",") if term.strip()]

    def selected(obj: KubeObject) -> bool:
        return all((read_field(obj, path) == value) is equal for path, equal, value in terms)

    return selected


def read_field(obj: KubeObject, path: str) -> str:
    """The text of a field label; an absent field is the empty string, as in Go."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if path == "source" and isinstance(value, Mapping):
        value = value.get("component")
    if path == "spec.unschedulable" and value is None:
        value = False
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _field_term(term: str, resource: Resource) -> tuple[str, bool, str]:
    found = _FIELD_TERM.match(term)
    if found is None:
        raise bad_request(f"invalid field selector: {term}: can't understand it")
    path = found["path"]
    if path not in resource.field_labels:
        raise bad_request(
            f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match label selector "", '
            f'field selector "{term}": field label not supported: {path}'
        )
    return path, found["op"] != "!=", found["value"]


def _label_term(term: str) -> Callable[[Mapping[str, str]], bool]:
    by_set = _SET_TERM.match(term)
    if by_set is not None:
        key, values = _checked(by_set["key"], term), {value.strip() for value in by_set["values"].split(",")}
        if by_set["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    by_value = _EQUAL_TERM.match(term)
    if by_value is not None:
        key, value = _checked(by_value["key"], term), by_value["value"]
        if by_value["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if term.startswith("!"):
        absent = _checked(term[1:].strip(), term)
        return lambda labels: absent not in labels
    present = _checked(term, term)
    return lambda labels: present in labels


def _checked(key: str, term: str) -> str:
    if _KEY.match(key) is None:
        raise bad_request(f"unable to parse requirement: found '{term}', expected: a label key")
    return key


def _split_outside_parentheses(text: str) -> list[str]:
    return re.split(r",(?![^(]*\))", text)

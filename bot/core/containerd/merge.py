"""Adds the two Kata runtimes to a containerd configuration, or says why not.

The result is proven, not trusted: parsed again it must equal the old data plus our keys, and every old line
must still be there, in order, byte for byte (a rewritten inline table excepted). A placement that fails the proof
is given up for the next one, the end of the file; when that fails too, the merge is refused. The node proves it
once more with `containerd config dump` (`compare`): imports and containerd's own parser have the last word.
"""

import copy
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from bot.core.containerd.document import Document, read, split_lines
from bot.core.containerd.placement import Edit, apply, place, touched_lines
from bot.core.containerd.rules import Addition, find_lack, require_default_runtime, template_warnings
from bot.core.containerd.runtimes import DEFAULT, KataHandlers
from bot.core.containerd.schema import layout_of
from bot.core.containerd.spelling import spell_key
from bot.core.containerd.style import Neighbourhood, neighbourhood
from bot.core.containerd.verdict import CannotMergeError, Merged, Refused, Unchanged


def merge(content: bytes, kata: KataHandlers = DEFAULT) -> Merged | Unchanged | Refused:
    """What to write instead of `content`. Any bytes get an answer; nothing is raised.

    The rules are those of the corpus index: a table that is there gets only the keys it lacks; a `kata-qemu` with
    another value of a key we need refuses; another `kata` is left alone and named. A merged file is `Unchanged`.
    """
    try:
        document = read(content)
        layout = layout_of(document)
        require_default_runtime(document, layout)
        lack = find_lack(document, layout, kata)
        if not lack.additions:
            return Unchanged(schema=layout.version, warnings=lack.warnings)
        near = neighbourhood(document, layout, (runtime.name for runtime in kata))
        text = _proven_text(document, near, lack.additions)
    except CannotMergeError as error:
        return error.refused
    return Merged(
        before=content,
        after=document.bom + text.encode(),
        schema=layout.version,
        added=tuple(spell_key(key[2:]) for addition in lack.additions for key in addition.keys),
        warnings=(*lack.warnings, *template_warnings(document)),
    )


def _proven_text(document: Document, near: Neighbourhood, additions: tuple[Addition, ...]) -> str:
    for candidate in (near, replace(near, anchors=())):
        edits = place(document, candidate, additions)
        text = apply(document, edits)
        if _is_faithful(document, edits, text, additions):
            return text
    raise CannotMergeError(
        "no place was found where the tables can be added without changing something else: add them by hand"
    )


def _is_faithful(document: Document, edits: tuple[Edit, ...], text: str, additions: tuple[Addition, ...]) -> bool:
    try:
        tree = tomllib.loads(text)
    except ValueError:
        return False
    return _same(tree, _expected(document, additions)) and _keeps_lines(document, text, touched_lines(edits))


def _expected(document: Document, additions: tuple[Addition, ...]) -> Mapping[str, Any]:
    tree: MutableMapping[str, Any] = copy.deepcopy(dict(document.tree))
    for addition in additions:
        table = tree
        for part in addition.table:
            table = table.setdefault(part, {})
        for key, value in addition.pairs:
            table[key] = list(value) if isinstance(value, tuple) else value
    return tree


def _same(left: Any, right: Any) -> bool:
    """Equal as TOML: `1`, `1.0` and `true` differ, and `nan` equals itself. Depth was bounded when it was read."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right or (left != left and right != right))


def _keeps_lines(document: Document, text: str, touched: frozenset[int]) -> bool:
    """Are all untouched lines a subsequence of the new ones? A last line without an end may have got one."""
    remaining = iter(split_lines(text))
    for number, line in enumerate(document.lines):
        if number in touched:
            continue
        open_ended = not line.endswith("\n")
        if not any(new == line or (open_ended and new.rstrip("\r\n") == line) for new in remaining):
            return False
    return True

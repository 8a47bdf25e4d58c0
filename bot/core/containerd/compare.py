"""Did the configuration that containerd really uses change only where we meant it to?

The file is not what counts: imports replace whole sections on 1.x, containerd 2 migrates between schemas, and
names of the wrong schema vanish without an error. So the node's `containerd config dump` of before is compared
with that of the candidate, and Kata's runtimes are looked for in the dump, under the schema of the *dump*.

All of it is compared, not a list of keys: the same binary printed both, so whatever differs outside our tables
(runc, SystemdCgroup, sandbox image, default runtime, snapshotter, registry, a plugin that went off) is damage.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bot.core.containerd.diff import MASK, is_secret
from bot.core.containerd.document import read
from bot.core.containerd.rules import same_value
from bot.core.containerd.runtimes import DEFAULT, OPTIONS, KataHandlers, RuntimeTable
from bot.core.containerd.scan import Path, is_within
from bot.core.containerd.schema import LAYOUTS, Layout, disabled_cri
from bot.core.containerd.spelling import spell_key
from bot.core.containerd.verdict import CannotMergeError, shown, visible
from bot.core.errors import UnknownFactError

_VALUE_CHARS = 200
_IMPORTS = "imports"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it was, or not what it must be. None: it is not there. Secrets are masked."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.path}: {self.before or 'absent'} -> {self.after or 'absent'}"


@dataclass(frozen=True, slots=True)
class EffectiveRuntime:
    """A runtime handler as a running containerd would have it. None: the key is not there."""

    name: str
    runtime_type: str | None
    config_path: str | None


@dataclass(frozen=True, slots=True)
class Dump:
    """A parsed `containerd config dump`, with the layout that its own version says."""

    layout: Layout
    tree: Mapping[str, Any]
    runtimes: Mapping[str, Any]


@lru_cache(maxsize=4)
def parse_dump(text: str) -> Dump:
    """Remembered, because the nodes of a sweep mostly say the same.

    Raises `UnknownFactError` for output that is not a dump of a known schema: unknown is not absent.
    """
    try:
        document = read(text.encode())
    except (CannotMergeError, UnicodeEncodeError) as error:
        seen = error.refused if isinstance(error, CannotMergeError) else "bytes that are not UTF-8"
        raise UnknownFactError(f"what `containerd config dump` printed cannot be read: {seen}") from error
    version = document.tree.get("version")
    if type(version) is not int or version not in LAYOUTS:
        known = ", ".join(map(str, LAYOUTS))
        raise UnknownFactError(
            f"`containerd config dump` printed schema {shown(version)}, known are {known}: update this program"
        )
    layout = LAYOUTS[version]
    runtimes = document.get(layout.runtimes)
    return Dump(layout, document.tree, runtimes if isinstance(runtimes, Mapping) else {})


def handlers(text: str) -> Mapping[str, EffectiveRuntime]:
    """Every runtime handler in a dump, by name. Raises `UnknownFactError` when it is no dump."""
    found = {}
    for name, table in parse_dump(text).runtimes.items():
        kind = table.get("runtime_type") if isinstance(table, Mapping) else None
        options = table.get(OPTIONS) if isinstance(table, Mapping) else None
        config = options.get("ConfigPath") if isinstance(options, Mapping) else None
        found[name] = EffectiveRuntime(
            name, kind if isinstance(kind, str) else None, config if isinstance(config, str) else None
        )
    return found


def compare(before: str, after: str, kata: KataHandlers = DEFAULT) -> tuple[Difference, ...]:
    """What the candidate changes besides adding what our runtimes need; empty when it changes nothing else.

    Both are outputs of one containerd, before and after. Raises `UnknownFactError` when either is no dump.
    """
    old, new = parse_dump(before), parse_dump(after)
    was, now = dict(_leaves(old.tree)), dict(_leaves(new.tree))
    return tuple(
        Difference(spell_key(path), _printed(path, was), _printed(path, now))
        for path in sorted(was.keys() | now.keys())
        if not _equal(was, now, path) and not _is_own_path(path, was, now) and not _is_ours(path, old, now, kata)
    )


def missing_handlers(text: str, kata: KataHandlers = DEFAULT) -> tuple[Difference, ...]:
    """What a dump lacks for jobs to run (as `before`) and what it has instead (as `after`).

    CRI must be on, `kata-qemu` there with the needed values, `kata` there; that one may be somebody else's, as in
    the merge. Raises `UnknownFactError` when it is no dump.
    """
    dump = parse_dump(text)
    lacking = [Difference("disabled_plugins", None, shown(name)) for name in disabled_cri(dump.tree)]
    lacking += _lacking(dump, kata.kata_qemu)
    if kata.kata.name not in dump.runtimes:
        lacking += _lacking(dump, kata.kata)
    return tuple(lacking)


def _lacking(dump: Dump, runtime: RuntimeTable) -> Iterator[Difference]:
    found = dict(_leaves(dump.runtimes))
    for path, needed in _needed(runtime).items():
        if path not in found or not same_value(found[path], needed):
            name = spell_key((*dump.layout.runtimes, *path))
            yield Difference(name, json.dumps(needed), _printed(path, found))


def _needed(runtime: RuntimeTable) -> Mapping[Path, Any]:
    own = {(runtime.name, key): value for key, value in runtime.own}
    return own | {(runtime.name, OPTIONS, key): value for key, value in runtime.options}


def _is_ours(path: Path, old: Dump, now: Mapping[Path, Any], kata: KataHandlers) -> bool:
    """A value of a runtime of ours that is new, or a needed value that a runtime of ours lacked."""
    if not is_within(path, old.layout.runtimes):
        return False
    inside = path[len(old.layout.runtimes) :]
    for runtime in kata:
        if is_within(inside, (runtime.name,)):
            needed = _needed(runtime).get(inside)
            is_new = runtime.name not in old.runtimes
            return is_new or (needed is not None and path in now and same_value(now[path], needed))
    return False


def _is_own_path(path: Path, was: Mapping[Path, Any], now: Mapping[Path, Any]) -> bool:
    """A dump lists every file that was read as `imports`, in no order, the configuration itself among them."""
    if path != (_IMPORTS,) or path not in was or path not in now:
        return False
    gone, come = set(was[path]) - set(now[path]), set(now[path]) - set(was[path])
    return len(was[path]) == len(now[path]) and len(gone) == len(come) <= 1


def _leaves(tree: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no table, with its path."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _equal(was: Mapping[Path, Any], now: Mapping[Path, Any], path: Path) -> bool:
    return path in was and path in now and type(was[path]) is type(now[path]) and was[path] == now[path]


def _printed(path: Path, leaves: Mapping[Path, Any]) -> str | None:
    if path not in leaves:
        return None
    return MASK if is_secret(path) else visible(json.dumps(leaves[path], default=str))[:_VALUE_CHARS]

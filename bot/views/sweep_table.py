"""A sweep for the terminal, drift first. Text from nodes is never markup (invariant 13)."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.text import Text

from bot.core.drift import Row, State, worst_first
from bot.core.wording import visible
from bot.views.terminal import columns, joined
from bot.views.wording import drift_text

_STYLES = {State.FINE: "green", State.DRIFT: "bold red", State.UNREADABLE: "yellow"}
_LINE = 2000
"""Characters; a refused host key comes with the whole command that pins the new one."""


def sweep_table(rows: Sequence[Row]) -> Text:
    """A line per node; below it, whole, what was seen and what a repair would do."""
    ordered = worst_first(rows)
    heads = [(Text(name_of(row)), Text(row.state, _STYLES[row.state]), Text(_kata(row), "dim")) for row in ordered]
    lines = []
    for row, head in zip(ordered, columns(heads) if heads else [], strict=True):
        lines.append(head)
        lines += [Text(f"    {visible(line, _LINE)}") for line in _seen(row)]
        lines += [Text(f"    a repair would: {visible(line, _LINE)}") for line in _would(row)]
    return joined([*lines, Text(f"\n{summary(rows)}", "bold")])


def _kata(row: Row) -> str:
    return f"Kata {row.version}" if row.version else ""


def summary(rows: Iterable[Row]) -> str:
    """In one line: how many nodes, and how many of them drift or could not be read."""
    rows = list(rows)
    nodes = Counter(row.state for row in rows if row.target.node is not None)
    count = sum(nodes.values())
    counts = [f"{count} expected {'node' if count == 1 else 'nodes'}", f"{nodes[State.DRIFT]} with drift"]
    if nodes[State.UNREADABLE]:
        counts.append(f"{nodes[State.UNREADABLE]} not readable")
    if any(row.drifts for row in rows if row.target.node is None):
        counts.append("the RuntimeClass is not as it should be")
    return ", ".join(counts)


def name_of(row: Row) -> str:
    return row.target.name if row.target.node is not None else f"RuntimeClass {row.target.name}"


def _seen(row: Row) -> Iterable[str]:
    if row.unreadable:
        yield row.unreadable
    for drift in row.drifts:
        yield drift_text(drift)


def _would(row: Row) -> Iterable[str]:
    if row.blocked:
        yield f"nothing now: {row.blocked}"
    elif row.cannot:
        yield "nothing by itself; `imsbot plan` says what a person can do" if row.target.node else "nothing"
    else:
        yield from row.would

"""A sweep for the terminal: one row per node, drift first. Text from nodes is never markup (invariant 13)."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.core.drift import Row, State, worst_first
from bot.core.wording import visible

_STYLES = {State.FINE: "green", State.DRIFT: "bold red", State.UNREADABLE: "yellow"}
_CELL = 400


def sweep_table(rows: Sequence[Row]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("NODE", "STATE", "KATA", "WHAT WAS SEEN", "A REPAIR WOULD"):
        table.add_column(column, overflow="fold", no_wrap=column == "NODE")
    for row in worst_first(rows):
        table.add_row(
            Text(name_of(row)),
            Text(row.state, _STYLES[row.state]),
            Text(row.version),
            Text("\n".join(visible(line, _CELL) for line in _seen(row))),
            Text("\n".join(visible(line, _CELL) for line in _would(row))),
        )
    return Group(table, Text(f"\n{summary(rows)}", "bold"))


def summary(rows: Iterable[Row]) -> str:
    """In one line: how many nodes, and how many of them drift or could not be read."""
    rows = list(rows)
    nodes = Counter(row.state for row in rows if row.target.node is not None)
    counts = [f"{sum(nodes.values())} expected nodes", f"{nodes[State.DRIFT]} with drift"]
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
        yield f"{drift.kind}: {drift.detail}"


def _would(row: Row) -> Iterable[str]:
    if row.blocked:
        yield f"nothing now: {row.blocked}"
    elif row.cannot:
        yield "nothing by itself; `imsbot plan` says what a person can do" if row.target.node else "nothing"
    else:
        yield from row.would

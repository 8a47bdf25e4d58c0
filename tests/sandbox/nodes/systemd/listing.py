"""`systemctl list-units`: one row per unit, as a table or as JSON."""

import json
from collections.abc import Sequence

from tests.sandbox.nodes.systemd.properties import description
from tests.sandbox.nodes.systemd.system import Unit

_COLUMNS = ("unit", "load", "active", "sub", "description")


def render_json(units: Sequence[Unit]) -> str:
    rows = [dict(zip(_COLUMNS, _row(unit), strict=True)) for unit in units]
    return json.dumps(rows, separators=(",", ":")) + "\n"


def render_table(units: Sequence[Unit], *, legend: bool, plain: bool) -> str:
    """A failed unit has a dot before it unless `plain`; then, or with a legend, the others are indented."""
    rows = [_row(unit) for unit in units]
    if legend:
        rows.insert(0, tuple(name.upper() for name in _COLUMNS))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    dots = not plain and (legend or any(row[2] == "failed" for row in rows))
    lines = []
    for row in rows:
        mark = ("● " if row[2] == "failed" else "  ") if dots else ""
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append(mark + " ".join((*cells, row[4])).rstrip())
    if legend:
        lines += ["", f"{len(units)} loaded units listed."]
    return "".join(f"{line}\n" for line in lines)


def _row(unit: Unit) -> tuple[str, ...]:
    return unit.name, "loaded", str(unit.active), unit.sub, description(unit)

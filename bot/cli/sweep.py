"""`imsbot sweep`: look at all expected nodes now. Reads the API and the nodes; changes nothing, asks nobody."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bot.adapters.journal_sqlite import read_sweeps
from bot.app.reach import reach
from bot.cli.options import Output
from bot.cli.printing import print_json, print_text
from bot.config import load_settings
from bot.core.drift import Row, State, worst_first
from bot.core.settings import Settings
from bot.core.sweep import fold
from bot.views.sweep_table import name_of, sweep_table

DRIFT = 3
"""Exit code: some node is not as it should be. 1 stays for a world that cannot be read."""


def sweep_now(nodes: Sequence[str], config: Path, output: Output) -> None:
    """Exit code 3 when there is drift, 1 when there is none but some node could not be read."""
    rows = asyncio.run(_survey(load_settings(config), nodes))
    if output is Output.JSON:
        print_json([_printed(row) for row in worst_first(rows)])
    else:
        print_text(sweep_table(rows))
    states = {row.state for row in rows}
    if State.DRIFT in states:
        raise typer.Exit(DRIFT)
    if State.UNREADABLE in states:
        raise typer.Exit(1)


async def _survey(settings: Settings, only: Sequence[str]) -> tuple[Row, ...]:
    async with reach(settings) as r:
        scope = await r.surveyor.scope(fold(read_sweeps(settings.journal)).expected, only)
        with _progress() as progress:
            task = progress.add_task("reading nodes", total=len(scope.expected.nodes))

            def tell(row: Row) -> None:
                progress.update(task, advance=1, description=f"{name_of(row)}: {row.state}")

            return await r.surveyor.survey(scope, tell)


def _progress() -> Progress:
    """On stderr, and only where a person looks at it."""
    console = Console(stderr=True)
    columns = (MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _printed(row: Row) -> dict[str, object]:
    return {
        "name": row.target.name,
        "kind": row.target.kind,
        "state": row.state,
        "drifts": row.drifts,
        "would": row.would,
        "cannot": row.cannot,
        "blocked": row.blocked,
        "unreadable": row.unreadable,
        "kata": row.version,
    }

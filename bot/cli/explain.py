"""`imsbot explain`: what the bot would make of recorded objects, without a configuration and without a cluster.

Parsing and printing only; the verdicts are those of `bot/core/replay.py`, made by the same rules and the same join
as in the running bot.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.adapters.rules_files import load_rules
from bot.cli.read_objects import STDIN, read_source
from bot.core.errors import BotError, InputError
from bot.core.kata import JoinPolicy
from bot.core.objects import Event
from bot.core.replay import Snapshot, Told, tell
from bot.core.settings import Kata, Kubernetes, Limits, Nodes
from bot.core.wording import visible

LoadCluster = Callable[[], Awaitable[Snapshot]]
"""Reads the live objects from the API server (`--cluster`)."""

_WHY_LIMIT = 600


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


class Line(msgspec.Struct, frozen=True):
    """One verdict as `--output json` prints it; the keys are the command's contract."""

    family: str
    rule: str | None
    scope: str | None
    node: str | None
    repairable: bool
    why: str


def add_explain(app: typer.Typer, load_cluster: LoadCluster) -> None:
    """Registers the command; the composition root knows how to reach a cluster."""

    @app.command()
    def explain(
        files: Annotated[
            list[str],
            typer.Argument(
                metavar="FILE...|-", help="watch lines, objects or a List, as JSON; - is standard input"
            ),
        ],
        objects: Annotated[
            list[str] | None,
            typer.Option("--objects", metavar="FILE", help="a List to join with; it gives no lines itself"),
        ] = None,
        cluster: Annotated[
            bool, typer.Option("--cluster", help="join with the live objects of the API server")
        ] = False,
        output: Annotated[Output, typer.Option("--output", help="table for people, or JSON lines")] = Output.TABLE,
    ) -> None:
        """Say what the bot would make of each Event, Pod and Node in the FILEs, and why."""
        try:
            live = (asyncio.run(_load(load_cluster)),) if cluster else ()
            told = explained(files, objects or (), live)
        except BotError as error:
            typer.echo(f"imsbot explain: {error}", err=True)
            raise typer.Exit(2) from error
        print_json(told) if output is Output.JSON else print_table(told)


async def _load(load_cluster: LoadCluster) -> Snapshot:
    return await load_cluster()


def explained(files: Sequence[str], objects: Sequence[str], live: Sequence[Snapshot]) -> tuple[Told, ...]:
    """Everything is read before anything is told. Raises InputError."""
    if [*files, *objects].count(STDIN) > 1:
        raise InputError("standard input (-) can be read only once")
    sources = [read_source(file) for file in files]
    snapshots = [*(Snapshot.of(read_source(file)) for file in objects), *live]
    policy = JoinPolicy.of(Kubernetes(), Nodes(), Kata())
    return tuple(tell(sources, snapshots, load_rules(), policy, Limits().stuck_after_s))


def print_json(told: Iterable[Told]) -> None:
    """Compact JSON, one line per record."""
    for one in told:
        sys.stdout.write(msgspec.json.encode(_line(one)).decode() + "\n")


def print_table(told: Sequence[Told]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("record", "about", "family", "where", "repair"):
        table.add_column(column, no_wrap=column != "about", overflow="fold")
    table.add_column("why", overflow="fold")
    for one in told:
        line = _line(one)
        table.add_row(
            Text(_kind(one)),
            Text(visible(_about(one), 300)),
            Text(line.family, style=_style(line)),
            Text(visible(line.node or line.scope or "", 60)),
            Text("yes" if line.repairable else "no", style="green" if line.repairable else "dim"),
            Text(line.why, style="" if line.scope else "dim"),
        )
    Console().print(table)


def _line(told: Told) -> Line:
    verdict = told.verdict
    return Line(
        family=verdict.family.value,
        rule=verdict.rule.name if verdict.rule else None,
        scope=verdict.scope.value if verdict.scope else None,
        node=verdict.node,
        repairable=verdict.repairable,
        why=visible(verdict.why, _WHY_LIMIT),
    )


def _kind(told: Told) -> str:
    return type(told.record).__name__


def _about(told: Told) -> str:
    if isinstance(told.record, Event):
        about = told.record.involved_object
        return f"{told.record.reason or 'no reason'} {about.kind} {about.name}"
    return told.record.metadata.name


def _style(line: Line) -> str:
    if line.scope is None:
        return "dim"
    return "yellow" if line.repairable else "red"

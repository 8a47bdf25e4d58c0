"""`imsbot explain`: what the bot would make of recorded objects, without a configuration and without a cluster.

Parsing and printing only; the verdicts are those of `bot/core/replay.py`, made by the same rules and the same join
as in the running bot.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from bot.adapters.rules_files import load_rules
from bot.cli.live_objects import read_live, usual_kubernetes
from bot.cli.options import Output
from bot.cli.read_objects import STDIN, read_source
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.kata import JoinPolicy
from bot.core.objects import Event
from bot.core.replay import Snapshot, Told, tell
from bot.core.settings import Kata, Kubernetes, Limits, Nodes
from bot.core.wording import visible

_WHY_LIMIT = 600


class Line(msgspec.Struct, frozen=True):
    """One verdict as `--output json` prints it; the keys are the command's contract."""

    family: str
    rule: str | None
    scope: str | None
    node: str | None
    repairable: bool
    why: str


@dataclass(frozen=True, slots=True)
class Site:
    """What of a site's configuration makes a difference to a verdict."""

    kubernetes: Kubernetes
    policy: JoinPolicy
    rules_dir: Path | None
    stuck_after_s: float

    @classmethod
    def of(cls, config: Path | None, rules: Path | None = None) -> "Site":
        """The defaults without a configuration file; `rules` is a folder in the place of the site's.

        Raises InputError.
        """
        if config is None:
            kubernetes = usual_kubernetes(os.environ)
            return cls(kubernetes, JoinPolicy.of(kubernetes, Nodes(), Kata()), rules, Limits().stuck_after_s)
        settings = load_settings(config)
        policy = JoinPolicy.of(settings.kubernetes, settings.nodes, settings.kata)
        return cls(settings.kubernetes, policy, rules or settings.rules_dir, settings.limits.stuck_after_s)


def explain_files(
    files: Sequence[str],
    objects: Sequence[str],
    config: Path | None,
    rules: Path | None,
    *,
    cluster: bool,
    output: Output,
) -> None:
    """Join with `objects`, and with those of the live cluster when asked."""
    site = Site.of(config, rules)
    live = (asyncio.run(read_live(site.kubernetes)),) if cluster else ()
    told = explain(files, objects, live, site)
    if output is Output.JSON:
        print_json(told)
    else:
        print_lines(told)


def explain(
    files: Sequence[str], objects: Sequence[str], live: Sequence[Snapshot], site: Site
) -> tuple[Told, ...]:
    """Everything is read before anything is told. Raises InputError."""
    if [*files, *objects].count(STDIN) > 1:
        raise InputError("standard input (-) can be read only once")
    sources = [read_source(file) for file in files]
    snapshots = [*(Snapshot.of(read_source(file)) for file in objects), *live]
    return tuple(tell(sources, snapshots, load_rules(site.rules_dir), site.policy, site.stuck_after_s))


def print_json(told: Iterable[Told]) -> None:
    """Compact JSON, one line per record."""
    for one in told:
        sys.stdout.write(msgspec.json.encode(_line(one)).decode() + "\n")


def print_lines(told: Sequence[Told]) -> None:
    """A line per record, with the reason below where there is more to say than that it is nobody's."""
    console = Console(highlight=False, soft_wrap=True)
    for one in told:
        line = _line(one)
        head = Text(f"{line.family:<24}", style=_style(line))
        head.append(f" {visible(_where(line), 60):<12} ", style="bold" if line.repairable else "")
        head.append(visible(_about(one), 300), style="dim" if line.scope is None else "")
        console.print(head)
        console.print(Text(f"{'':<24} {line.why}", style="dim"))
    console.print(Text(_summary(told), style="bold"))


def _line(told: Told) -> Line:
    verdict = told.verdict
    return Line(
        family=verdict.family.value,
        rule=verdict.rule.name if verdict.rule else None,
        scope=verdict.scope.value if verdict.scope else None,
        node=visible(verdict.node, 253) if verdict.node else None,
        repairable=verdict.repairable,
        why=visible(verdict.why, _WHY_LIMIT),
    )


def _where(line: Line) -> str:
    return line.node or line.scope or "-"


def _about(told: Told) -> str:
    record = told.record
    if isinstance(record, Event):
        about = record.involved_object
        return f"Event {record.reason or '(no reason)'} of {about.kind} {about.name}"
    return f"{type(record).__name__} {record.metadata.name}"


def _style(line: Line) -> str:
    if line.scope is None:
        return "dim"
    return "bold yellow" if line.repairable else "bold red"


def _summary(told: Sequence[Told]) -> str:
    repairable = sum(one.verdict.repairable for one in told)
    related = sum(one.verdict.scope is not None for one in told)
    return f"{len(told)} records: {repairable} repairable, {related - repairable} seen but not repairable"

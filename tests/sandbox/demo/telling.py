"""The story in the terminal: what happens, what the bot sees, who clicks, what is done, how it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.core.lifecycle import Incident, StepState
from tests.sandbox.demo.story import Chapter
from tests.sandbox.slack import User
from tests.sandbox.slack.page.emoji import plain_emoji
from tests.sandbox.whole import CardView
from tests.sandbox.whole.configuration import SHORTENED

_WIDTH = 112
_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_UUID = re.compile(r"\b([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_MENTION = re.compile(r"<@(\w+)>")


@dataclass(frozen=True, slots=True)
class Scenery:
    """What is said of the stage before the story begins."""

    around: str
    """Which of what is around the bot is real."""
    waived: tuple[str, ...]
    """Checks."""
    also_shortened: tuple[str, ...] = ()
    """Beside the bot's own times."""


class Telling:
    """Everything that is printed. Texts of the cluster are printed as plain text, never as markup."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=False)
        if self._console.width > _WIDTH:
            self._console.width = _WIDTH
        self._began = time.monotonic()
        self._told: set[tuple[str, str]] = set()

    def opening(self, page_url: str, folder: str, scenery: Scenery) -> None:
        print_ = self._console.print
        print_(Rule("ims-remediation-bot", style="bold"))
        print_(f"{scenery.around} In the bot nothing is faked: it is the process `imsbot run`.\n")
        print_(Text.assemble("  Slack page     ", (page_url, "bold cyan"), "   open it in a browser"))
        print_(f"  files and logs {folder}")
        values = [(key, value) for section in SHORTENED.values() for key, value in section.items()]
        short = "; ".join([", ".join(f"{key} {value:g}" for key, value in values), *scenery.also_shortened])
        print_(Padding(Text(f"shortened for the demo: {short}", "dim"), (0, 0, 0, 2)))
        waived = ", ".join(scenery.waived)
        print_(Padding(Text(f"waived, with reasons, on each card: {waived}", "dim"), (0, 0, 0, 2)))

    def chapter(self, number: int, chapter: Chapter) -> None:
        self._began = time.monotonic()
        self._console.print()
        self._console.print(Rule(f"{number} · {chapter.title}", align="left", style="bold blue"))
        self._console.print(Text(chapter.happens))

    def line(self, who: str, what: str, style: str = "") -> None:
        """One thing that happened, with the time since the chapter began."""
        at = f"{time.monotonic() - self._began:6.1f} s"
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=8, style="dim")
        grid.add_column(width=9, style="bold")
        grid.add_column(ratio=1)
        grid.add_row(at, who, Text(shortened(what), style))
        self._console.print(grid)

    def aside(self, what: str) -> None:
        self.line("", what, "dim")

    def clicked(self, user: User, button: str) -> None:
        self.line(user.real_name.split()[0], f"clicks {button} ({user.role})", "cyan")

    def whispered(self, user: User, text: str) -> None:
        self.line("bot", f"to {user.real_name.split()[0]} alone: {readable(text)}", "dim")

    def invite(self, page_url: str, verb: str) -> None:
        self.line("you", f"press Enter to let Mira {verb}, or answer yourself on {page_url}", "bold yellow")

    def card(self, card: CardView, most: int) -> None:
        """The card as it stands, without its formatting: its headline and at most so many lines."""
        self.line("card", readable(card.headline), "bold")
        lines = [line for line in readable(card.shown).splitlines()[1:] if line.strip()]
        for line in lines[:most]:
            self._console.print(
                Padding(Text(f"│ {shortened(line)}", "dim", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 19))
            )
        if most and len(lines) > most:
            more = f"│ … {len(lines) - most} more lines on the page"
            self._console.print(Padding(Text(more, "dim"), (0, 0, 0, 19)))

    def steps(self, incident: Incident) -> None:
        """Steps that have ended since the last time, also over restarts of the bot."""
        for step in (*incident.steps, *incident.undo):
            key = (incident.id, step.planned.name)
            if step.state not in {StepState.DONE, StepState.FAILED} or key in self._told:
                continue
            self._told.add(key)
            took = f"  {(step.ended - step.began).total_seconds():.1f} s" if step.began and step.ended else ""
            mark, style = ("✓", "green") if step.state is StepState.DONE else ("✗", "bold red")
            self.line("step", f"{mark} {step.planned.name}: {step.evidence or step.planned.title}{took}", style)

    def broke(self, what: str) -> None:
        self.line("chaos", f"⚡ {what}", "bold magenta")

    def moral(self, ok: bool, what: str) -> None:
        self.line("result", what, "green" if ok else "bold red")

    def ending(self, rows: Sequence[tuple[str, str, str, bool]], complaints: Sequence[str], took_s: float) -> None:
        """`rows`: job, what should become of it, what became of it, whether that is right."""
        self._console.print()
        self._console.print(Rule("How it ended", align="left", style="bold blue"))
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("JOB", "SHOULD", "DID", ""):
            table.add_column(column, overflow="fold")
        for job, should, did, ok in rows:
            table.add_row(shortened(job), should, did, Text("✓", "green") if ok else Text("✗", "bold red"))
        self._console.print(table)
        self._console.print()
        for complaint in complaints:
            self._console.print(Text(f"✗ {complaint}", "bold red"))
        if not complaints:
            self._console.print(
                Text(
                    "✓ every card at its end, no node cordoned, no configuration torn, no command done twice, "
                    "every Lease free, no canary left",
                    "green",
                )
            )
        self._console.print(Text(f"  {took_s:.0f} s in all", "dim"))

    def failure(self, why: str, folder: str, tail: str, kept: Sequence[str]) -> None:
        """`kept`: files in `folder`, of the workers and the like."""
        self._console.print()
        self._console.print(Text(f"✗ the demo failed: {why}", "bold red"))
        self._console.print(f"  everything is kept in {folder}:")
        for line in ("bot.log, config.yaml, state/journal.sqlite", *kept):
            self._console.print(f"    {line}")
        self._console.print("  the last lines of bot.log:")
        self._console.print(Padding(Text(tail, "dim"), (0, 0, 0, 4)))


def shortened(text: str) -> str:
    """The ids of IMS jobs by their first eight digits: whole ones fill a line."""
    return _UUID.sub(r"\1…", text)


def readable(mrkdwn: str) -> str:
    """Slack's text for a terminal: emoji as characters, times and names in words, no formatting marks."""
    text = _MENTION.sub(r"@\1", _DATE.sub(r"\1", mrkdwn))
    text = plain_emoji(text).replace("```", "").replace("`", "")
    text = re.sub(r"(?<![\w*])\*(\S[^*\n]*)\*", r"\1", text)
    text = re.sub(r"(?<!\w)_(\S[^_\n]*)_(?!\w)", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

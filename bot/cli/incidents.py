"""Commands that read the journal: it is opened read-only, so they work beside a running bot and without one."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from bot.adapters.journal_sqlite import read_contents
from bot.cli.options import Output
from bot.cli.printing import print_json, print_text
from bot.config import load_settings
from bot.core.errors import InputError, JournalError
from bot.core.incident import Incident
from bot.core.model import IncidentId, Mode
from bot.core.pause import Halt, halt_text, in_force
from bot.core.recall import recall
from bot.views.terminal import halt_line, incident_table, incident_text, unreadable_text


def list_incidents(config: Path, output: Output, *, every: bool) -> None:
    """Newest first; `every`: closed ones too."""
    settings = load_settings(config)
    contents = read_contents(settings.journal)
    halts = list(in_force(contents.pauses).values())
    recalled = recall(contents.histories)
    found = [i for i in recalled.incidents.values() if every or i.open]
    found.sort(key=lambda i: i.opened_at, reverse=True)
    if output is Output.JSON:
        unreadable = [{"id": key, "phase": "unreadable", "held": why} for key, why in recalled.unreadable.items()]
        print_json([*(_summary(i, halts) for i in found), *unreadable])
        return
    for halt in halts:
        print_text(halt_line(halt))
    if found:
        print_text(incident_table(found))
    elif not recalled.unreadable:
        typer.echo("No incidents." if every else "No open incidents; --all shows closed ones.")
    for key, why in recalled.unreadable.items():
        print_text(Text(unreadable_text(key, why)))
    if settings.mode is Mode.OBSERVE:
        typer.echo("Mode observe: failures are diagnosed and planned; nobody is asked, and nothing is changed.")


def show_incident(incident: str, config: Path, output: Output) -> None:
    """Raises InputError when the journal has none of that id, JournalError when it cannot be read."""
    recalled = recall(read_contents(load_settings(config).journal).histories)
    key = IncidentId(incident)
    if key in recalled.unreadable:
        raise JournalError(unreadable_text(key, recalled.unreadable[key]))
    found = recalled.incidents.get(key)
    if found is None:
        raise InputError(f"there is no incident {incident} in the journal; `imsbot incidents --all` lists them")
    if output is Output.JSON:
        print_json(found)
    else:
        print_text(incident_text(found))


def _summary(i: Incident, halts: Sequence[Halt]) -> dict[str, object]:
    return {
        "id": i.id,
        "target": i.target.name,
        "kind": i.target.kind,
        "phase": i.phase,
        "result": i.result,
        "held": i.held,
        "families": i.families,
        "drifts": i.swept.drifts if i.swept else (),
        "observed": i.observed,
        "paused": [halt_text(halt) for halt in halts] if i.open else [],
        "suspended_at": i.suspended.at if i.suspended else None,
        "digest": i.plan.digest if i.plan else None,
        "opened_at": i.opened_at,
        "changed_at": i.changed_at,
    }

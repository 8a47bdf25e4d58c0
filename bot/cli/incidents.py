"""Commands that read the journal: it is opened read-only, so they work beside a running bot and without one."""

from collections.abc import Sequence
from pathlib import Path

import typer

from bot.adapters.journal_sqlite import Contents, read_contents
from bot.cli.options import Output
from bot.cli.printing import print_json, print_text
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.incident import Incident
from bot.core.lifecycle import fold
from bot.core.model import IncidentId, Mode
from bot.core.pause import Halt, halt_text, in_force
from bot.views.terminal import halt_line, incident_table, incident_text


def list_incidents(config: Path, output: Output, *, every: bool) -> None:
    """Newest first; `every`: closed ones too."""
    settings = load_settings(config)
    contents = read_contents(settings.journal)
    halts = list(in_force(contents.pauses).values())
    found = [i for i in _folded(contents).values() if every or i.open]
    found.sort(key=lambda i: i.opened_at, reverse=True)
    if output is Output.JSON:
        print_json([_summary(i, halts) for i in found])
        return
    for halt in halts:
        print_text(halt_line(halt))
    if found:
        print_text(incident_table(found))
    else:
        typer.echo("No incidents." if every else "No open incidents; --all shows closed ones.")
    if settings.mode is Mode.OBSERVE:
        typer.echo("Mode observe: failures are diagnosed and planned; nobody is asked, and nothing is changed.")


def show_incident(incident: str, config: Path, output: Output) -> None:
    """Raises InputError when the journal has none of that id."""
    found = _folded(read_contents(load_settings(config).journal)).get(IncidentId(incident))
    if found is None:
        raise InputError(f"there is no incident {incident} in the journal; `imsbot incidents --all` lists them")
    if output is Output.JSON:
        print_json(found)
    else:
        print_text(incident_text(found))


def _folded(contents: Contents) -> dict[IncidentId, Incident]:
    return {key: fold(key, history.entries) for key, history in contents.histories.items() if history.entries}


def _summary(i: Incident, halts: Sequence[Halt]) -> dict[str, object]:
    return {
        "id": i.id,
        "target": i.target.name,
        "kind": i.target.kind,
        "phase": i.phase,
        "result": i.result,
        "families": i.families,
        "drifts": i.swept.drifts if i.swept else (),
        "observed": i.observed,
        "paused": [halt_text(halt) for halt in halts] if i.open else [],
        "suspended_at": i.suspended.at if i.suspended else None,
        "digest": i.plan.digest if i.plan else None,
        "opened_at": i.opened_at,
        "changed_at": i.changed_at,
    }

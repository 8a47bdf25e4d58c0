"""`imsbot plan`: what would be asked for a node now. Reads the API and the node; changes nothing, asks nobody."""

import asyncio
from typing import Annotated

import typer

from bot.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption, print_json, print_text
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.model import Diagnosis, Plan, Target, TargetKind
from bot.core.settings import Settings
from bot.engine.incident_ids import new_incident_id
from bot.steps.planner import Nothing
from bot.views.terminal import diagnosis_text, plan_text


def plan_command(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node's name in Kubernetes.")],
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the plan for NODE as it would be asked: steps, reasons, diff, what it disturbs. Changes nothing.

    Exit code 1 when the node must not or cannot be repaired; the diagnosis says why.
    """
    conclusion = asyncio.run(_look(load_settings(config), node))
    if output is Output.JSON:
        print_json({"kind": type(conclusion).__name__.lower(), "conclusion": conclusion})
    else:
        match conclusion:
            case Plan():
                print_text(plan_text(conclusion))
            case Diagnosis():
                print_text(diagnosis_text(conclusion))
            case Nothing(evidence=evidence):
                typer.echo(f"Nothing to do: {evidence}")
    if isinstance(conclusion, Diagnosis):
        raise typer.Exit(1)


async def _look(settings: Settings, name: str) -> Plan | Diagnosis | Nothing:
    from bot.app.reach import reach  # the parts cost a second to import; `--help` should not wait for them
    from bot.engine.look import Subject

    async with reach(settings) as r:
        node = await r.find_worker(name)
        if node is None:
            raise InputError(f"{name} is no Node in the cluster, or nodes.name_pattern does not allow it")
        target = Target(TargetKind.NODE, node.metadata.name, node.metadata.uid)
        return await r.looker.look(Subject(new_incident_id(), target, (), r.clock.now()))

"""`imsbot plan`: what would be asked for a node now. Reads the API and the node; changes nothing, asks nobody."""

import asyncio
from pathlib import Path

import typer

from bot.app.reach import reach
from bot.cli.options import Output
from bot.cli.printing import print_json, print_text
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.model import Diagnosis, Plan, Target, TargetKind
from bot.core.settings import Settings
from bot.engine.incident_ids import new_incident_id
from bot.engine.look import Subject
from bot.steps.planner import Nothing
from bot.views.terminal import diagnosis_text, plan_text


def show_plan(node: str, config: Path, output: Output) -> None:
    """Exit code 1 when the node must not or cannot be repaired."""
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
    async with reach(settings) as r:
        node = await r.find_worker(name)
        if node is None:
            raise InputError(f"{name} is no Node in the cluster, or nodes.name_pattern does not allow it")
        target = Target(TargetKind.NODE, node.metadata.name, node.metadata.uid)
        return await r.looker.look(Subject(new_incident_id(), target, (), r.clock.now()))

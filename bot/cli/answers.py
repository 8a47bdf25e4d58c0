"""Commands that change something; they talk to the running bot through its control socket."""

import asyncio
from typing import Annotated

import typer

from bot.adapters.control import Request, ask
from bot.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption, print_response
from bot.config import load_settings

IncidentArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, as on its card.")]
NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="The node's name in Kubernetes.")]


def approve_command(
    incident: IncidentArgument,
    digest: Annotated[
        str,
        typer.Option(help="Of the plan that you looked at (12 digits do); needed when it replaced another."),
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Approve the plan of an incident, as the card's button does. Look at it first with `imsbot show ID`."""
    send(config, Request("approve", incident, digest), output)


def deny_command(
    incident: IncidentArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Deny the plan of an incident: nothing is changed, and it stays quiet until the plan is another one."""
    send(config, Request("deny", incident), output)


def repair_command(
    node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Ask for a repair of NODE: facts, plan and question as for a failing job. The same approvals are needed."""
    send(config, Request("repair", node), output)


def release_command(
    node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Give back what a held incident still owns on NODE (its cordon, its label) and close it as restored."""
    send(config, Request("release", node), output)


def abort_command(
    incident: IncidentArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Stop an incident before its next command, undo what it did, and close it."""
    send(config, Request("abort", incident), output)


def forget_command(
    node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Let sweeps expect NODE no more just because an earlier one did; say so when it is gone for good."""
    send(config, Request("forget", node), output)


def send(config: "ConfigOption", request: Request, output: Output) -> None:
    print_response(asyncio.run(ask(load_settings(config).journal, request)), output)

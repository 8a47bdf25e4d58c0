"""What can be said at the command line: each command's name, arguments and help.

What a command does is in a module of its own, imported when the command runs. All of them take most of a second
to import, which neither `--help` nor a command that only talks to the running bot should wait for.
"""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    IncidentArgument,
    NodeArgument,
    Output,
    OutputOption,
    PreviewOutput,
)


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Watch the cluster, ask people, repair nodes. Ends on SIGTERM or SIGINT without starting a new command.

    It ends with 2 when configuration or journal need a person first, and with 1 when it may just be started again.
    """
    from bot.cli.run import run_service

    run_service(config)


def check(config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Check configuration and rules, reach the API, every worker, Slack and the mirror, ask for the bot's rights.

    Changes nothing. Each thing is one line: ok, FAIL, or -- for what could not be looked at.

    Exit code 2 for a configuration or rules that cannot be used, 1 when a line is not ok.
    """
    from bot.cli.checks import check_all

    check_all(config, output)


def explain(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...|-", help="Watch lines, objects or a List, as JSON; - is standard input."),
    ],
    objects: Annotated[
        list[str] | None,
        typer.Option("--objects", metavar="FILE", help="A List to join with; it gives no lines itself."),
    ] = None,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", metavar="", help="Join with the live objects of the API server that kubectl would ask."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Use this site's namespaces, rules and kubeconfig; not needed."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use the rules of this folder; needs no configuration.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what the bot would make of each Event, Pod and Node in the FILEs, and why. Changes nothing.

    Unlike the other commands it reads no configuration but what --config names, so that everybody can use it.

    Without that, --cluster goes by $KUBECONFIG or ~/.kube/config, else by the pod's own account.
    """
    from bot.cli.explain import explain_files

    explain_files(files, objects or (), config, rules, cluster=cluster, output=output)


def preview(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A containerd configuration, or - for standard input.")
    ],
    output: Annotated[
        PreviewOutput,
        typer.Option(help="diff: what would be added; toml: the whole merged file; json: all of it for programs."),
    ] = PreviewOutput.DIFF,
) -> None:
    """Show what adding the Kata runtimes would change in a containerd configuration. Changes nothing.

    Exit code 0: the diff, or nothing when there is nothing to do. Exit code 2: refused, with the reason.
    """
    from bot.cli.preview import preview_file

    raise typer.Exit(preview_file(file, output))


def plan(node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Show the plan for NODE as it would be asked: steps, reasons, diff, what it disturbs. Changes nothing.

    Exit code 1 when the node must not or cannot be repaired; the diagnosis says why.
    """
    from bot.cli.plans import show_plan

    show_plan(node, config, output)


def sweep(
    nodes: Annotated[
        list[str] | None, typer.Argument(metavar="[NODE]...", help="Only these; without any, all expected ones.")
    ] = None,
    post: Annotated[
        bool,
        typer.Option(
            "--post", metavar="", help="Have the running bot sweep all of them now and post its digest card."
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look at every node that is expected to run Kata, and say what drifted. Changes nothing, asks nobody.

    Exit code 3 when there is drift, 1 when there is none but some node could not be read, else 0.
    """
    if post:
        from bot.cli.answers import post_sweep

        post_sweep(nodes or (), config, output)
    else:
        from bot.cli.sweep import sweep_now

        sweep_now(nodes or (), config, output)


def incidents(
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="Closed ones too; without it only the open ones.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """List incidents, newest first."""
    from bot.cli.incidents import list_incidents

    list_incidents(config, output, every=every)


def show(
    incident: IncidentArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Show one incident: what failed, the plan with its diff, every act and its outcome, who answered."""
    from bot.cli.incidents import show_incident

    show_incident(incident, config, output)


def repair(node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Ask for a repair of NODE: facts, plan and question as for a failing job. The same approvals are needed."""
    _send(config, output, "repair", node)


def approve(
    incident: IncidentArgument,
    digest: Annotated[
        str,
        typer.Option(help="Of the plan that you looked at (12 digits do); needed when it replaced another."),
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Approve the plan of an incident, as the card's button does. Look at it first with `imsbot show ID`."""
    _send(config, output, "approve", incident, digest)


def deny(
    incident: IncidentArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Deny the plan of an incident: nothing is changed.

    It stays quiet until the plan is another one, and for `limits.quiet_s` (a day) at the longest.
    """
    _send(config, output, "deny", incident)


def release(
    node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Give back what a held incident still owns on NODE (its cordon, its label) and close it as restored."""
    _send(config, output, "release", node)


def abort(
    incident: IncidentArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE
) -> None:
    """Stop an incident before its next command, undo what it did, and close it."""
    _send(config, output, "abort", incident)


def forget(node: NodeArgument, config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Let sweeps expect NODE no more just because an earlier one did; say so when it is gone for good."""
    _send(config, output, "forget", node)


def pause(
    reason: Annotated[str, typer.Option(help="Why; it is shown on every card and in `imsbot incidents`.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop all repairs before their next command, until `imsbot resume`; kept over restarts.

    What runs ends by itself, a failed repair is still put back, and approvals are refused meanwhile.

    Where the bot does not run, its next start begins paused.
    """
    from bot.cli.pauses import pause_bot

    pause_bot(reason, config, output)


def resume(config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Go on after `imsbot pause`. A pause by the ConfigMap ends only there.

    Exit code 1 when the bot was not paused, or still is.
    """
    from bot.cli.pauses import resume_bot

    resume_bot(config, output)


def _send(config: Path, output: Output, command: str, subject: str, digest: str = "") -> None:
    from bot.adapters.control import Request
    from bot.cli.answers import send

    send(config, Request(command, subject, digest), output)

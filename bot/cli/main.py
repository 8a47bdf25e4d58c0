"""The `imsbot` command: its groups of commands and the one place where errors become lines and exit codes.

Exit codes: 0 done; 1 the world said no (refused, unreachable, a failed check, a journal that is held or cannot be
written now); 2 bad input or usage, or a journal that a person must look at; 3 `sweep` found a node that is not as
it should be. deploy/imsbot.service goes by them: what ends with 2 is not started again by itself.
"""

import logging
import os
import sys
from typing import Annotated

import typer

from bot.cli import commands
from bot.cli.help import Command, Group
from bot.core.errors import BotError, InputError, JournalError, JournalUnavailableError

app = typer.Typer(
    name="imsbot",
    cls=Group,
    help="Watches IMS jobs on HPE Cray systems, finds nodes that cannot run Kata, asks people, repairs the node "
    "and proves that the job runs. Start with `imsbot check`, then `imsbot run`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RUN = "Run"
LOOK = "Look"
DECIDE = "Decide"

app.command("run", cls=Command, rich_help_panel=RUN)(commands.run)
app.command("check", cls=Command, rich_help_panel=RUN)(commands.check)
app.command("explain", cls=Command, rich_help_panel=LOOK)(commands.explain)
app.command("preview", cls=Command, rich_help_panel=LOOK)(commands.preview)
app.command("plan", cls=Command, rich_help_panel=LOOK)(commands.plan)
app.command("sweep", cls=Command, rich_help_panel=LOOK)(commands.sweep)
app.command("incidents", cls=Command, rich_help_panel=LOOK)(commands.incidents)
app.command("show", cls=Command, rich_help_panel=LOOK)(commands.show)
app.command("repair", cls=Command, rich_help_panel=DECIDE)(commands.repair)
app.command("approve", cls=Command, rich_help_panel=DECIDE)(commands.approve)
app.command("deny", cls=Command, rich_help_panel=DECIDE)(commands.deny)
app.command("release", cls=Command, rich_help_panel=DECIDE)(commands.release)
app.command("pause", cls=Command, rich_help_panel=DECIDE)(commands.pause)
app.command("resume", cls=Command, rich_help_panel=DECIDE)(commands.resume)
app.command("forget", cls=Command, rich_help_panel=DECIDE)(commands.forget)
app.command("abort", cls=Command, rich_help_panel=DECIDE)(commands.abort)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # only this needs it

        typer.echo(f"imsbot {version('ims-remediation-bot')}")
        raise typer.Exit


VERSION = typer.Option("--version", metavar="", is_eager=True, callback=_tell_version, help="Say it and exit.")


@app.callback()
def _begin(_: Annotated[bool, VERSION] = False) -> None:
    """Before every command, and not before `--help`."""
    from bot.adapters.telemetry import configure_logs

    configure_logs(logging.WARNING)


def main() -> None:
    """Entry point of the console script."""
    _fill_closed_streams()
    try:
        app(standalone_mode=True)
    except JournalUnavailableError as error:
        sys.exit(_say(error, 1))
    except (InputError, JournalError) as error:
        sys.exit(_say(error, 2))
    except BotError as error:
        sys.exit(_say(error, 1))
    except OSError as error:
        if error.filename is not None:
            sys.exit(_say(f"{error.filename}: {error.strerror}", 1))
        # A full disk behind stdout; a reader such as `head` that has seen enough is click's, which ends with 1.
        # What is left in the buffer would be tried, and complained of, once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_say(f"cannot write the output: {error.strerror or error}", 1))


def _fill_closed_streams() -> None:
    """A caller may close any of the three; Python then has `None` in its place, and every use of it would fail.

    Output then is an error, as of every command: its file can only be read.
    """
    for name, mode, flags in (("stdin", "r", 0), ("stdout", "w", 0), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDONLY | flags), mode))


def _say(error: object, code: int) -> int:
    """Each of several errors is a line of its own."""
    for line in str(error).splitlines() or [""]:
        print(f"imsbot: {line}", file=sys.stderr)
    return code

"""`imsbot pause` and `imsbot resume`: one brake for the whole bot (`engine/brake` says what it stops).

They talk to the running bot. Where none runs, the pause is written into its journal, so that its next start begins
paused: who wants to stop it must not have to start it first. Before the very first start that makes the journal.
"""

import asyncio
import os
from typing import Annotated

import typer

from bot.adapters.clock import SystemClock
from bot.adapters.control import NotRunningError, Peer, Request, Response, ask
from bot.adapters.journal_files import journal_exists
from bot.adapters.journal_sqlite import SqliteJournal
from bot.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption, print_response
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.settings import Settings


def pause_command(
    reason: Annotated[str, typer.Option(help="Why; it is shown on every card and in `imsbot incidents`.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop all repairs before their next command, until `imsbot resume`; kept over restarts.

    What runs ends by itself, a failed repair is still put back, and approvals are refused meanwhile.

    Where the bot does not run, its next start begins paused.
    """
    print_response(asyncio.run(_send(load_settings(config), Request("pause", "", reason=reason))), output)


def resume_command(config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TABLE) -> None:
    """Go on after `imsbot pause`. A pause by the ConfigMap ends only there.

    Exit code 1 when the bot was not paused, or still is.
    """
    print_response(asyncio.run(_send(load_settings(config), Request("resume", ""))), output)


async def _send(settings: Settings, request: Request) -> Response:
    try:
        return await ask(settings.journal, request)
    except NotRunningError:
        if request.command == "pause":
            _check_folder(settings)
        elif not journal_exists(settings.journal):
            raise
    return await _note(settings, request)


def _check_folder(settings: Settings) -> None:
    """It is never made here: whose it must be only the installation knows. Raises InputError."""
    folder, pause = settings.journal.parent, settings.pause
    if os.access(folder, os.W_OK | os.X_OK):
        return
    why = f"{folder} cannot be written; use sudo" if os.access(folder, os.F_OK) else f"there is no {folder}"
    namespace = settings.kubernetes.lease_namespace
    other = f"kubectl -n {namespace} create configmap {pause.configmap} --from-literal=pause=WHY"
    hint = f". From anywhere: `{other}`" if pause.configmap is not None else ""
    raise InputError(f"no bot is running, and its next start cannot be paused here: {why}{hint}")


async def _note(settings: Settings, request: Request) -> Response:
    """Raises JournalError when a bot holds the journal that does not listen yet."""
    from bot.engine import pausing  # the engine costs a while to import; `--help` should not wait for it
    from bot.engine.brake import Brake

    actor = Peer(os.getpid(), os.getuid()).actor
    async with SqliteJournal(settings.journal) as journal:
        brake = Brake(journal, None, SystemClock(), settings.pause.read_s)
        await brake.recall()
        if request.command == "pause":
            ok, text = await pausing.pause(brake, request.reason, actor)
        else:
            ok, text = await pausing.resume(brake, actor)
    return Response(ok, f"{text} (No bot is running now.)")

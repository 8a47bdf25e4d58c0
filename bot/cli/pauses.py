"""`imsbot pause` and `imsbot resume`: one brake for the whole bot (`engine/brake` says what it stops).

They talk to the running bot. Where none runs, the pause is written into its journal, so that its next start begins
paused: who wants to stop it must not have to start it first. Before the very first start that makes the journal.
"""

import asyncio
import os
from pathlib import Path

from bot.adapters.clock import SystemClock
from bot.adapters.control import NotRunningError, Peer, Request, Response, ask
from bot.adapters.journal_files import journal_exists
from bot.adapters.journal_sqlite import SqliteJournal
from bot.cli.options import Output
from bot.cli.printing import print_response
from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.settings import Settings
from bot.engine import pausing
from bot.engine.brake import Brake


def pause_bot(reason: str, config: Path, output: Output) -> None:
    print_response(asyncio.run(_send(load_settings(config), Request("pause", "", reason=reason))), output)


def resume_bot(config: Path, output: Output) -> None:
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
    actor = Peer(os.getpid(), os.getuid()).actor
    async with SqliteJournal(settings.journal) as journal:
        brake = Brake(journal, None, SystemClock(), settings.pause.read_s)
        await brake.recall()
        if request.command == "pause":
            ok, text = await pausing.pause(brake, request.reason, actor)
        else:
            ok, text = await pausing.resume(brake, actor)
    return Response(ok, f"{text} (No bot is running now.)")

"""Commands that change something; they talk to the running bot through its control socket."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.adapters.control import Request, ask
from bot.cli.options import Output
from bot.cli.printing import print_response
from bot.config import load_settings
from bot.core.errors import InputError


def send(config: Path, request: Request, output: Output) -> None:
    print_response(asyncio.run(ask(load_settings(config).journal, request)), output)


def post_sweep(nodes: Sequence[str], config: Path, output: Output) -> None:
    """Have the running bot sweep, which it does for all expected nodes only. Raises InputError."""
    if nodes:
        raise InputError("--post sweeps all expected nodes; leave out " + " ".join(nodes))
    send(config, Request("sweep", ""), output)

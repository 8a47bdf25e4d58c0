"""The two ways of printing: for programs and for people."""

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from bot.adapters.control import Response
from bot.cli.options import Output


def print_json(value: object) -> None:
    """One compact JSON document on stdout."""
    typer.echo(msgspec.json.encode(value, order="deterministic").decode())


def print_text(text: Text) -> None:
    """Its lines as they are, at any width and in a pipe: whoever copies a command must get all of it."""
    Console(highlight=False, soft_wrap=True).print(text)


def print_response(response: Response, output: Output) -> None:
    """What the bot answered; exit code 1 when it refused."""
    if output is Output.JSON:
        print_json(response)
    else:
        typer.echo(response.text, err=not response.ok)
    if not response.ok:
        raise typer.Exit(1)

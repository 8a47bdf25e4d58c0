"""Options that several commands share, and the two ways of printing."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="IMSBOT_CONFIG",
        help="The configuration file; config.example.yaml explains every key.",
        show_default=True,
    ),
]

OutputOption = Annotated[Output, typer.Option("--output", "-o", help="For people (table) or programs (json).")]

DEFAULT_CONFIG = Path("/etc/imsbot/config.yaml")


def print_json(value: object) -> None:
    """One compact JSON document on stdout."""
    typer.echo(msgspec.json.encode(value, order="deterministic").decode())

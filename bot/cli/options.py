"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


class PreviewOutput(StrEnum):
    DIFF = "diff"
    TOML = "toml"
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

IncidentArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, as on its card.")]

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="The node's name in Kubernetes.")]

DEFAULT_CONFIG = Path("/etc/imsbot/config.yaml")

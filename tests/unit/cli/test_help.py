"""What `--help` says: one paragraph flows, because a line break within it would be printed as one."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.main import app

COMMANDS = {command.name: command.callback for command in app.registered_commands}


@pytest.mark.parametrize("name", COMMANDS)
def test_only_the_first_paragraph_of_a_help_may_have_line_breaks(name: str) -> None:
    callback = COMMANDS[name]
    assert callback is not None
    _, *others = (inspect.getdoc(callback) or "").split("\n\n")
    assert [] == [paragraph for paragraph in others if "\n" in paragraph]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_a_flag_takes_no_value(name: str) -> None:
    told = CliRunner().invoke(app, [*name.split(), "--help"])
    assert (0, True) == (told.exit_code, "--help" in told.output)
    assert "<bool>" not in told.output


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert f"imsbot {project['version']}\n" == CliRunner().invoke(app, ["--version"]).output


def test_help_waits_for_no_command_s_own_imports() -> None:
    told = "import sys\nfrom bot.cli.main import app\napp(['--help'], standalone_mode=False)\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert set() == {"bot.config", "bot.app", "asyncssh", "pydantic", "tomlkit"} & set(ended.stdout.split())

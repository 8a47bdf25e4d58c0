"""What `--help` says: one paragraph flows, because a line break within it would be printed as one."""

import inspect

import pytest

from bot.cli.main import app

COMMANDS = {command.name: command.callback for command in app.registered_commands}


@pytest.mark.parametrize("name", COMMANDS)
def test_only_the_first_paragraph_of_a_help_may_have_line_breaks(name: str) -> None:
    callback = COMMANDS[name]
    assert callback is not None
    _, *others = (inspect.getdoc(callback) or "").split("\n\n")
    assert [] == [paragraph for paragraph in others if "\n" in paragraph]

"""Our programs for the node: real files in `node/`, handed over on standard input.

Nothing is installed on a node, and no shell line is ever made of foreign text: values travel as arguments.
A Python program is preceded by `atomic.py`, which all of them share, because a program on standard input
cannot import. Python 3.6 is what SLE's python3 is.
"""

from functools import cache
from importlib import resources

from bot.core.action import Command

_NODE = "bot.steps.node"


@cache
def _text(name: str) -> str:
    return resources.files(_NODE).joinpath(name).read_text(encoding="utf-8")


@cache
def source(name: str) -> str:
    """The program `name` ("replace.py", "restart.sh") as it goes to the node."""
    return f"{_text('atomic.py')}\n\n{_text(name)}" if name.endswith(".py") else _text(name)


def run(key: str, name: str, *args: str, timeout_s: float, purpose: str) -> Command:
    """A command that runs the program `name` with `args`."""
    interpreter = ("python3", "-") if name.endswith(".py") else ("sh", "-s", "--")
    return Command(
        key=key, argv=(*interpreter, *args), timeout_s=round(timeout_s), purpose=purpose, stdin=source(name)
    )

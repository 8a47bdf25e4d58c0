"""The one place where an argument list becomes a line for a remote shell.

sshd hands a line to the login shell of the user, whatever that is, so a line holds nothing but quoted words.
Foreign text never passes here: commands of steps travel as JSON (`request`), scripts as standard input.
"""

import shlex
from collections.abc import Sequence

from bot.core.errors import InputError


def quoted_line(argv: Sequence[str]) -> str:
    """Raises InputError for what a shell line cannot carry safely: nothing at all, NUL, a line break."""
    check_argv(argv)
    if any("\n" in word or "\r" in word for word in argv):
        raise InputError(f"{argv[0]}: an argument holds a line break; hand such text over as standard input")
    return shlex.join(argv)


def check_argv(argv: Sequence[str]) -> None:
    """Raises InputError for an argument list that no Unix system can execute."""
    if not argv or not argv[0]:
        raise InputError("a command needs a program to run; its argument list is empty")
    if any("\0" in word for word in argv):
        raise InputError(f"{argv[0]!r}: an argument holds a NUL character, which no program can be given")

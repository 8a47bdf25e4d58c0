"""Processes that run from a Kata tree: micro-VMs, their shims and file daemons.

While there is one, no tree is exchanged or moved: its files are in use, and the shim that ends a VM must be
the one that began it (domain.md 8, row 7).
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "processes"
COMMAND = """
ls -l /proc/[0-9]*/exe 2>/dev/null |
  sed -nE 's|.*/proc/([0-9]+)/exe -> (/opt/(\\.imsbot-)?kata.*)|\\1=\\2|p'
"""
"""Processes that end meanwhile make `ls` complain; the pipe's exit code is that of sed."""


@dataclass(frozen=True, slots=True)
class Processes:
    running: tuple[str, ...]
    """Paths of their executables."""


def parse(output: Output) -> Processes:
    return Processes(tuple(sorted(output.fields().values())))

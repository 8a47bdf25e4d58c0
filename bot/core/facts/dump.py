"""What containerd itself makes of the configuration that lies on the node: `containerd config dump`.

A failing dump is a fact, not an unreadable one: a restart with that file would fail. A good one proves less
than it seems: it does not run the CRI plugin's own checks (kata-failures.md 5), so dumps are compared,
never trusted alone.
"""

from dataclasses import dataclass, field

from bot.core.facts.frame import Output

NAME = "dump"
COMMAND = """
[ -n "$containerd" ] || { echo 'no containerd unit' >&2; return 1; }
"$containerd" --config "$config" config dump
"""


@dataclass(frozen=True, slots=True)
class Dump:
    text: str = field(repr=False)
    """Empty when containerd refused."""
    error: str | None
    """containerd's words; `None` when it accepts the file."""


def parse(output: Output) -> Dump:
    if output.exit_code != 0:
        words = " ".join((output.stderr or output.stdout.decode(errors="replace")).split())
        return Dump("", words[:500] or f"exit code {output.exit_code} without a word")
    return Dump(output.text, None)

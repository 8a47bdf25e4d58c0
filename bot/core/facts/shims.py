"""The two shim names that containerd looks up when a Kata sandbox starts.

It looks through its own PATH, then beside its own binary (kata-failures.md 7). A dangling link and a file
without execute bit fail with the same words as an absent one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.facts.frame import Output

NAME = "shims"
NAMES = ("containerd-shim-kata-v2", "containerd-shim-kata-qemu-v2")
PLACE = "/usr/local/bin"
"""Where the procedure puts the links."""

COMMAND = f"""
shim() {{
  state=absent; where=-; target=
  for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin ${{containerd:+"${{containerd%/*}}"}}; do
    if [ -f "$dir/$1" ] && [ -x "$dir/$1" ]; then state=works; where=$dir/$1; break; fi
    [ "$state" = absent ] || continue
    if [ -L "$dir/$1" ] && [ ! -e "$dir/$1" ]; then state=dangling; where=$dir/$1
    elif [ -e "$dir/$1" ]; then state=not-executable; where=$dir/$1; fi
  done
  [ ! -L "$where" ] || target=$(readlink "$where")
  printf '%s=%s %s %s\\n' "$1" "$state" "$where" "$target"
}}
for name in {" ".join(NAMES)}; do shim "$name"; done
"""
"""The directories are systemd's default PATH for services."""


class ShimState(StrEnum):
    WORKS = "works"
    DANGLING = "dangling"
    NOT_EXECUTABLE = "not-executable"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Shim:
    state: ShimState
    path: str
    """Where it was found; empty when absent."""
    target: str
    """Where the link points; empty when it is no link."""


@dataclass(frozen=True, slots=True)
class Shims:
    found: Mapping[str, Shim]

    @property
    def broken(self) -> tuple[str, ...]:
        """Names that containerd would not find."""
        return tuple(name for name in NAMES if self.found[name].state is not ShimState.WORKS)


def parse(output: Output) -> Shims:
    fields = output.fields()
    return Shims({name: _shim(output, output.need(fields, name)) for name in NAMES})


def _shim(output: Output, line: str) -> Shim:
    state, _, rest = line.partition(" ")
    path, _, target = rest.partition(" ")
    if state not in set(ShimState):
        raise output.unknown(f"the state {state[:40]!r} is not known")
    return Shim(ShimState(state), "" if path == "-" else path, target)

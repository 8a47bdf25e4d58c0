"""Files below /opt/kata that belong to an RPM or were edited by the site.

CSM 1.5 replaced virtiofsd by a package of its own; unpacking the stock tree over it would undo that fix
(domain.md 2.4). A file counts as edited when it is newer than the tree's VERSION by more than a day:
archives keep the times of their build, which takes hours.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "packages"
COMMAND = """
[ -d /opt/kata ] || return 0
if command -v rpm >/dev/null 2>&1; then
  find /opt/kata/ -type f -exec rpm -qf --queryformat 'package %{NAME}\\n' {} + 2>/dev/null |
    sed -n 's/^package //p' | sort -u | while read -r package; do
      rpm -ql "$package" | sed -n "s|^/opt/kata/.*|owned=$package &|p"
    done
fi
if [ -f /opt/kata/VERSION ]; then
  built=$(stat -c %Y /opt/kata/VERSION)
  find /opt/kata/ -type f -newermt "@$((built + 86400))" -printf 'edited=%p\\n'
fi
"""


@dataclass(frozen=True, slots=True)
class Packages:
    owned: tuple[tuple[str, str], ...]
    """(package, file)."""
    edited: tuple[str, ...]


def parse(output: Output) -> Packages:
    lines = [line.partition("=") for line in output.checked.splitlines()]
    unknown = [key for key, _, _ in lines if key not in {"owned", "edited"}]
    if unknown:
        raise output.unknown(f"the line {unknown[0][:80]!r} is neither owned nor edited")
    owned = [value.partition(" ") for key, _, value in lines if key == "owned"]
    return Packages(
        owned=tuple(sorted((package, file) for package, _, file in owned)),
        edited=tuple(sorted(value for key, _, value in lines if key == "edited")),
    )

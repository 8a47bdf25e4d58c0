"""Files below /opt/kata that belong to an RPM or were edited by the site.

CSM 1.5 replaced virtiofsd by a package of its own; unpacking the stock tree over it would undo that fix
(domain.md 2.4). rpm says of every file that no package owns it when it cannot read its database (seen with 4.18:
on standard output, and the errors beside it), so the database is asked first, and any other word of rpm is an
error. A file counts as edited when it is newer than the tree's VERSION by more than a day:
archives keep the times of their build, which takes hours.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "packages"
COMMAND = """
[ -d /opt/kata ] || return 0
if command -v rpm >/dev/null 2>&1; then
  if ! rpm -q --whatprovides rpm >/dev/null; then
    # On a Debian, where rpm is a guest, nothing is the whole truth; on SLE rpm itself came as a package.
    case $(cat /etc/os-release 2>/dev/null) in
      *suse*) echo 'rpm does not know of itself: its database is damaged or empty' >&2; return 1;;
    esac
    rpm -qa >/dev/null || return 1
  fi
  said=$(find /opt/kata/ -type f -exec rpm -qf --queryformat 'package %{NAME}\\n' {} + 2>&1 |
    sed '/^file .* is not owned by any package$/d; /^warning: /d' | sort -u)
  strange=$(printf '%s\\n' "$said" | sed '/^package /d; /^$/d')
  if [ -n "$strange" ]; then printf '%s\\n' "$strange" >&2; return 1; fi
  for package in $(printf '%s\\n' "$said" | sed 's/^package //'); do
    files=$(rpm -ql "$package") || return 1
    printf '%s\\n' "$files" | sed -n "s|^/opt/kata/.*|owned=$package &|p"
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

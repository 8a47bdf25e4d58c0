"""What we left on the node: backups, and rollbacks that are armed or have fired.

It lies in /var/lib/imsbot and not in /run, because a reboot in the middle of a repair must not forget it.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "ours"
STATE = "/var/lib/imsbot"
COMMAND = f"""
for dir in {STATE}/rollback/*/; do
  [ -d "$dir" ] || continue
  id=${{dir%/}}; id=${{id##*/}}; fired=no
  [ ! -e "$dir/fired" ] || fired=yes
  timer=$(systemctl show "imsbot-rollback-$id.timer" --property=ActiveState) || return 1
  printf 'rollback=%s %s %s\\n' "$id" "$fired" "${{timer#*=}}"
done
for file in {STATE}/backup/*/*; do
  [ ! -f "$file" ] || printf 'backup=%s\\n' "$file"
done
"""


@dataclass(frozen=True, slots=True)
class Rollback:
    """The node's own way back (restart step): a timer that restores the configuration unless it is disarmed."""

    incident: str
    fired: bool
    armed: bool


@dataclass(frozen=True, slots=True)
class Ours:
    rollbacks: tuple[Rollback, ...]
    backups: tuple[str, ...]

    def rollback(self, incident: str) -> Rollback | None:
        return next((r for r in self.rollbacks if r.incident == incident), None)


def parse(output: Output) -> Ours:
    rollbacks, backups = [], []
    for line in output.checked.splitlines():
        key, _, value = line.partition("=")
        words = value.split(" ")
        if key == "backup":
            backups.append(value)
        elif key == "rollback" and len(words) == 3:
            rollbacks.append(Rollback(words[0], fired=words[1] == "yes", armed=words[2] == "active"))
        else:
            raise output.unknown(f"the line {line[:80]!r} is neither a rollback nor a backup")
    return Ours(tuple(rollbacks), tuple(sorted(backups)))

"""Room where things land: `/opt` for the tree, `/var/lib` for the archive and our backups."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "space"
PLACES = ("/opt", "/var/lib")
COMMAND = f"""
for place in {" ".join(PLACES)}; do
  options=unknown
  mount=$(stat -c %m "$place") || return 1
  while read -r _ point _ found _; do
    [ "$point" = "$mount" ] && options=$found
  done </proc/self/mounts
  printf '%s=%s %s %s\\n' "$place" "$(stat -c %d "$place")" "$(stat -f -c '%a %S %d %c' "$place")" "$options"
done
"""


@dataclass(frozen=True, slots=True)
class Room:
    """One directory's file system."""

    device: int
    free_bytes: int
    free_inodes: int | None
    """`None` when the file system does not count them (btrfs)."""
    options: frozenset[str]
    """Mount options; empty when the mount is not in the table (a chroot's root)."""


@dataclass(frozen=True, slots=True)
class Space:
    rooms: Mapping[str, Room]

    def at(self, place: str) -> Room:
        return self.rooms[place]


def parse(output: Output) -> Space:
    fields = output.fields()
    return Space({place: _room(output, output.need(fields, place)) for place in PLACES})


def _room(output: Output, line: str) -> Room:
    words = line.split()
    if len(words) != 6 or not all(word.isdigit() for word in words[:5]):
        raise output.unknown(f"{line[:80]!r} is not device, free blocks, block size, inodes and options")
    device, blocks, block_bytes, inodes, all_inodes = map(int, words[:5])
    options = frozenset() if words[5] == "unknown" else frozenset(words[5].split(","))
    return Room(device, blocks * block_bytes, inodes if all_inodes else None, options)

"""The installation under /opt/kata: which kind of thing it is, its version, and our trees beside it.

The marker says from which archive a tree was unpacked by us, so that after an exchange nobody has to guess
which of two trees is which. Of a tree beside the live one it counts only together with what every release has: a
wreck is not taken for one that was unpacked whole.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "kata_tree"
ROOT = "/opt/kata"
_SHIM = "bin/containerd-shim-kata-v2"
SHIM = f"{ROOT}/{_SHIM}"
_CONFIG = "share/defaults/kata-containers/configuration-qemu.toml"
PREFIX = "/opt/.imsbot-kata-"
"""Our trees lie beside the live one, on the same file system, so that they can be exchanged in one step."""

MARKER = ".imsbot-archive"
"""In the root of a tree that we unpacked: sha256 of the archive."""

COMMAND = f"""
root={ROOT}
if [ -L "$root" ]; then printf 'kind=link\\nlink=%s\\n' "$(readlink "$root")"
elif [ -d "$root" ]; then echo kind=directory
elif [ -e "$root" ]; then echo kind=other
else echo kind=absent; fi
if [ -f "$root/VERSION" ]; then printf 'version=%s\\n' "$(head -n 1 "$root/VERSION")"
elif [ -x "$root/bin/kata-runtime" ]; then
  printf 'version=%s\\n' "$("$root/bin/kata-runtime" --version | sed -nE '1s/.*: *//p')"
fi
[ ! -f "$root/{MARKER}" ] || printf 'archive=%s\\n' "$(head -n 1 "$root/{MARKER}")"
if [ -x {SHIM} ]; then echo shim=executable; else echo shim=missing; fi
for tree in {PREFIX}*; do
  [ -d "$tree" ] || continue
  sum=
  if [ -f "$tree/{MARKER}" ] && [ -x "$tree/{_SHIM}" ] && [ -f "$tree/{_CONFIG}" ]; then
    sum=$(head -n 1 "$tree/{MARKER}")
  fi
  printf 'tree=%s=%s\\n' "$tree" "$sum"
done
"""


@dataclass(frozen=True, slots=True)
class KataTree:
    kind: str
    """absent, directory, link or other."""
    link: str
    """Where the link points, when it is one."""
    version: str | None
    """`None` when nothing there says it."""
    archive: str
    """Our marker: sha256 of the archive it came from; empty when it is not ours."""
    shim: bool
    """bin/containerd-shim-kata-v2 is there and executable."""
    others: tuple[tuple[str, str], ...]
    """(path, marker) of our trees beside it."""


def parse(output: Output) -> KataTree:
    lines = output.checked.splitlines()
    trees = [line.removeprefix("tree=").rpartition("=") for line in lines if line.startswith("tree=")]
    fields = output.fields("\n".join(line for line in lines if not line.startswith("tree=")))
    return KataTree(
        kind=output.need(fields, "kind"),
        link=fields.get("link", ""),
        version=fields.get("version", "").strip() or None,
        archive=fields.get("archive", ""),
        shim=output.need(fields, "shim") == "executable",
        others=tuple((path, marker) for path, _, marker in trees),
    )

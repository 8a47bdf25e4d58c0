"""Kata's configuration for QEMU, and whether the files that it names are there.

Values are judged as parsed, never by the text: upstream's default list changed, and CSM's own `sed` became
a silent no-op (domain.md 2.4).
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.facts.frame import Output

NAME = "kata_config"
PATH = "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml"
NEEDED_KEYS = ("path", "kernel", "image", "initrd", "firmware", "firmware_volume", "virtio_fs_daemon")
"""Of [hypervisor.qemu]: Kata does not start when a file named by one of them is missing."""

EXECUTABLE_KEYS = frozenset({"path", "virtio_fs_daemon"})

COMMAND = f"""
conf={PATH}
if [ -n "$backend" ] && [ -d "$backend" ]; then echo backend=yes; else echo backend=no; fi
if [ ! -f "$conf" ]; then echo kind=absent; echo; return 0; fi
echo kind=file
printf 'real=%s\\n' "$(readlink -f "$conf")"
grep -v '^[[:space:]]*#' "$conf" | grep -oE '"/[^"]*"' | sort -u | while read -r quoted; do
  file=${{quoted#?}}; file=${{file%?}}
  if [ ! -e "$file" ]; then printf 'missing:%s=\\n' "$file"
  elif [ -x "$file" ]; then printf 'executable:%s=\\n' "$file"
  else printf 'plain:%s=\\n' "$file"; fi
done
echo
cat "$conf"
"""
"""`$backend` is the wanted directory for guest memory, or empty."""


@dataclass(frozen=True, slots=True)
class KataConfig:
    present: bool
    real: str
    """With links followed; empty when there is none."""
    content: bytes = field(repr=False)
    error: str | None
    """Why it is not a usable configuration; `None` when it is one or is absent."""
    missing: tuple[str, ...]
    """Files that it names, that Kata needs, and that are missing or not executable."""
    enable_annotations: tuple[str, ...]
    file_mem_backend: str
    backend_directory: bool
    """The *wanted* directory for guest memory exists."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def parse(output: Output) -> KataConfig:
    head, blank, content = output.stdout.partition(b"\n\n")
    if output.exit_code != 0 or not blank:
        raise output.unknown(f"exit code {output.exit_code}")
    fields = output.fields(head.decode())
    backend = output.need(fields, "backend") == "yes"
    if output.need(fields, "kind") == "absent":
        return KataConfig(False, "", b"", None, (), (), "", backend)
    real = output.need(fields, "real")
    try:
        qemu = qemu_section(content)
    except ValueError as error:
        return KataConfig(True, real, content, str(error), (), (), "", backend)
    return KataConfig(
        present=True,
        real=real,
        content=content,
        error=None,
        missing=_missing(output, fields, qemu),
        enable_annotations=tuple(map(str, qemu.get("enable_annotations", ()))),
        file_mem_backend=str(qemu.get("file_mem_backend", "")),
        backend_directory=backend,
    )


def qemu_section(content: bytes) -> Mapping[str, Any]:
    """The table [hypervisor.qemu]. Raises ValueError saying what is wrong with the file."""
    tree = tomllib.loads(content.decode())
    section = tree.get("hypervisor", {}).get("qemu")
    if not isinstance(section, dict):
        raise ValueError(f"{PATH} has no table [hypervisor.qemu]")
    if not isinstance(section.get("enable_annotations", []), list):
        raise ValueError(f"{PATH}: enable_annotations is not a list")
    return section


def _missing(output: Output, fields: Mapping[str, str], qemu: Mapping[str, Any]) -> tuple[str, ...]:
    state = {path: kind for kind, _, path in (key.partition(":") for key in fields) if path}
    missing = []
    for key in NEEDED_KEYS:
        path = qemu.get(key)
        if not path:
            continue
        if not isinstance(path, str) or path not in state:
            raise output.unknown(f"the node did not say whether {key} = {path!r} exists")
        if state[path] == "missing" or (key in EXECUTABLE_KEYS and state[path] == "plain"):
            missing.append(path)
    return tuple(missing)

"""containerd's configuration file as it lies on the node."""

import hashlib
from dataclasses import dataclass, field

from bot.core.facts.frame import Output

NAME = "config_file"
COMMAND = """
printf 'path=%s\\n' "$config"
if [ ! -e "$config" ]; then echo kind=absent; echo; return 0; fi
if [ ! -f "$config" ]; then echo kind=other; echo; return 0; fi
echo kind=file
printf 'real=%s\\n' "$(readlink -f "$config")"
printf 'mode=%s\\n' "$(stat -L -c %a "$config")"
printf 'owner=%s\\n' "$(stat -L -c %u:%g "$config")"
printf 'changed=%s\\n' "$(stat -L -c %.Y "$config")"
printf 'now=%s\\n' "$(date +%s.%N)"
echo
cat "$config"
"""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    path: str
    """As the unit names it."""
    real: str
    """With links followed: the file that an edit replaces. Empty when there is none."""
    content: bytes = field(repr=False)
    mode: str
    """Octal, as `stat` prints it."""
    owner: str
    """`uid:gid`."""
    age_s: float
    """Since its last change, by the node's clock."""

    @property
    def present(self) -> bool:
        return bool(self.real)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def parse(output: Output) -> ConfigFile:
    head, blank, content = output.stdout.partition(b"\n\n")
    if output.exit_code != 0 or not blank:
        raise output.unknown(f"exit code {output.exit_code}")
    fields = output.fields(head.decode())
    path, kind = output.need(fields, "path"), output.need(fields, "kind")
    if kind == "absent":
        return ConfigFile(path, "", b"", "", "", 0.0)
    if kind != "file":
        raise output.unknown(f"{path} is not a file")
    return ConfigFile(
        path=path,
        real=output.need(fields, "real"),
        content=content,
        mode=output.need(fields, "mode"),
        owner=output.need(fields, "owner"),
        age_s=output.decimal(fields, "now") - output.decimal(fields, "changed"),
    )

"""Which programs the node has, of those that our commands call there."""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "tools"
KNOWN = (
    "python3",
    "tar",
    "xz",
    "zstd",
    "curl",
    "sha256sum",
    "flock",
    "systemctl",
    "systemd-run",
    "crictl",
    "rpm",
)
COMMAND = f"""
for tool in {" ".join(KNOWN)}; do
  if command -v "$tool" >/dev/null 2>&1; then printf '%s=yes\\n' "$tool"; else printf '%s=no\\n' "$tool"; fi
done
if command -v python3 >/dev/null 2>&1; then
  printf 'version=%s\\n' "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
fi
"""


@dataclass(frozen=True, slots=True)
class Tools:
    present: frozenset[str]
    python: tuple[int, int] | None
    """(major, minor) of python3; `None` when there is none."""

    def has(self, tool: str) -> bool:
        if tool not in KNOWN:
            raise ValueError(f"{tool} is not among the tools that are looked for")
        return tool in self.present


def parse(output: Output) -> Tools:
    fields = output.fields()
    present = frozenset(tool for tool in KNOWN if output.need(fields, tool) == "yes")
    return Tools(present, _python(output, fields["version"]) if "version" in fields else None)


def _python(output: Output, version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        raise output.unknown(f"python3 says that its version is {version[:40]!r}")
    return int(major), int(minor)

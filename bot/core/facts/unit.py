"""containerd's systemd unit: what runs, since when, with which configuration, and what a restart does.

The unit decides three things that must never be assumed: the path of the configuration, whether containers
survive a restart (CSM's unit deletes the shims' addresses on every stop, domain.md 4.3), and which binary
it is.
"""

import re
from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "unit"
UNIT = "containerd.service"
PRELUDE = f"""
exec_start=$(systemctl show {UNIT} --property=ExecStart 2>/dev/null)
containerd=$(printf '%s\\n' "$exec_start" | sed -nE 's/.*[{{ ]path=([^ ;]+).*/\\1/p' | head -n 1)
config=$(printf '%s\\n' "$exec_start" |
  sed -nE 's/.*argv\\[\\]=[^;]* (--config|-c)[ =]([^ ;]+).*/\\2/p' | head -n 1)
: "${{config:=/etc/containerd/config.toml}}"
"""
"""Sets `$containerd` and `$config`. Without --config containerd reads /etc/containerd/config.toml."""

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "KillMode",
    "ActiveEnterTimestampMonotonic",
    "ExecStopPost",
)

COMMAND = f"""
systemctl show {UNIT} --property={",".join(PROPERTIES)} || return 1
printf 'uptime=%s\\n' "$(cut -d ' ' -f 1 /proc/uptime)"
printf 'binary=%s\\n' "$containerd"
printf 'config=%s\\n' "$config"
[ -z "$containerd" ] || printf 'version=%s\\n' "$("$containerd" --version)"
"""


@dataclass(frozen=True, slots=True)
class Unit:
    loaded: bool
    active: str
    """systemd's ActiveState. A failing restart loop says "activating", not "failed" (lab-notes.md)."""
    sub: str
    kill_mode: str
    stop_post: tuple[str, ...]
    """The command lines of ExecStopPost."""
    binary: str
    config: str
    """Path of the configuration that the unit uses."""
    version: tuple[int, int, int] | None
    """`None` when there is no such unit."""
    age_s: float | None
    """Seconds since the unit became active; `None` while it is not."""

    @property
    def running(self) -> bool:
        return self.loaded and self.active == "active" and self.sub == "running"

    @property
    def why_restart_kills(self) -> str | None:
        """Why a restart would kill the node's containers; `None` when it keeps them (lab-notes.md)."""
        deletes = next((line for line in self.stop_post if "address" in line and "-delete" in line), None)
        if deletes and (self.version is None or self.version[0] < 2):
            return f"ExecStopPost deletes the shims' addresses ({deletes}), and containerd 1.x needs them"
        if self.kill_mode != "process":
            return f"KillMode={self.kill_mode} ends the shims together with containerd"
        return None


def parse(output: Output) -> Unit:
    lines = output.checked.splitlines()
    stop_post = tuple(_argv(line) for line in lines if line.startswith("ExecStopPost={"))
    fields = output.fields("\n".join(line for line in lines if not line.startswith("ExecStopPost=")))
    loaded = output.need(fields, "LoadState") == "loaded"
    return Unit(
        loaded=loaded,
        active=output.need(fields, "ActiveState"),
        sub=output.need(fields, "SubState"),
        kill_mode=output.need(fields, "KillMode"),
        stop_post=stop_post,
        binary=output.need(fields, "binary"),
        config=output.need(fields, "config"),
        version=_version(output, output.need(fields, "version")) if loaded else None,
        age_s=max(
            0.0, output.decimal(fields, "uptime") - output.number(fields, "ActiveEnterTimestampMonotonic") / 1e6
        )
        if fields["ActiveState"] == "active"
        else None,
    )


def _argv(line: str) -> str:
    found = re.search(r"argv\[\]=([^;]*)", line)
    return found[1].strip() if found else line


def _version(output: Output, words: str) -> tuple[int, int, int]:
    """From `containerd github.com/containerd/containerd v1.7.27 05044ec...`; Debian's has no `v`."""
    found = re.search(r"\bv?(\d+)\.(\d+)\.(\d+)", words.partition(" ")[2])
    if not found:
        raise output.unknown(f"containerd --version says {words[:80]!r}")
    return int(found[1]), int(found[2]), int(found[3])

"""What a service is told to be: the keys of a `[Service]` section and of `systemd-run --property`.

The same assignments serve unit files and transient units. A key that a simulated worker does not know is an error
for a transient unit, as with systemd; a unit file may hold it.
"""

import math
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tests.sandbox.nodes.systemd.timespan import parse_timespan


class ServiceType(StrEnum):
    SIMPLE = "simple"
    EXEC = "exec"
    ONESHOT = "oneshot"
    NOTIFY = "notify"


class KillMode(StrEnum):
    CONTROL_GROUP = "control-group"
    MIXED = "mixed"
    PROCESS = "process"
    NONE = "none"


class SpecError(Exception):
    """An assignment that systemd refuses; the text is what it prints."""


@dataclass(frozen=True, slots=True)
class ExecLine:
    """One command of a unit; `argv[0]` is absolute."""

    argv: tuple[str, ...]
    ignore_failure: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    exec_start: ExecLine | None = None
    exec_start_pre: tuple[ExecLine, ...] = ()
    exec_stop_post: tuple[ExecLine, ...] = ()
    type: ServiceType = ServiceType.SIMPLE
    description: str = ""
    restart: str = "no"
    restart_s: float = 0.1
    timeout_start_s: float | None = None
    """None: 90 s, or no limit for a one-shot."""
    timeout_stop_s: float = 90
    runtime_max_s: float = math.inf
    remain_after_exit: bool = False
    kill_mode: KillMode = KillMode.CONTROL_GROUP
    environment: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"
    umask: int = 0o022
    stdin: str = "null"
    stdout: str = "journal"
    stderr: str = "inherit"
    collect_failed: bool = False
    limit_burst: int = 5
    limit_interval_s: float = 10

    @property
    def start_bound_s(self) -> float:
        if self.timeout_start_s is not None:
            return self.timeout_start_s
        return math.inf if self.type is ServiceType.ONESHOT else 90


WITHOUT_EFFECT = frozenset(
    (
        *("After", "Before", "BindsTo", "Conflicts", "Requires", "WantedBy", "Wants", "Documentation"),
        *("CPUSchedulingPolicy", "CPUWeight", "IOSchedulingClass", "IOSchedulingPriority", "IOWeight", "Nice"),
        *("LimitCORE", "LimitNOFILE", "LimitNPROC", "MemoryHigh", "MemoryMax", "OOMScoreAdjust", "TasksMax"),
        *("Delegate", "SyslogIdentifier"),
    )
)
"""Known, and of no meaning on a machine without priorities, limits and dependencies."""


def assign(spec: ServiceSpec, key: str, value: str) -> ServiceSpec:
    """`spec` with one assignment more. Raises SpecError in systemd's words."""
    if key in WITHOUT_EFFECT:
        return spec
    if key not in _ASSIGN:
        raise SpecError(f"Unknown assignment: {key}={value}")
    try:
        return _ASSIGN[key](spec, value)
    except ValueError:
        raise SpecError(f"Failed to parse {key}={value}: Invalid argument") from None


def parse_unit(text: str) -> tuple[ServiceSpec, str]:
    """A unit file (drop-ins appended) and its description; unknown keys are passed over."""
    spec = ServiceSpec()
    for key, value in _assignments(text):
        if key in _ASSIGN:
            spec = assign(spec, key, value)
    return spec, spec.description


def _assignments(text: str) -> Iterable[tuple[str, str]]:
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip() and line.lstrip()[0] not in "#;[" and "=" in line:
            key, _, value = line.partition("=")
            yield key.strip(), value.strip()


def _flag(value: str) -> bool:
    if value.lower() in ("yes", "true", "on", "1"):
        return True
    if value.lower() in ("no", "false", "off", "0"):
        return False
    raise ValueError(value)


def _exec_line(value: str) -> ExecLine:
    words = shlex.split(value)
    if not words:
        raise ValueError(value)
    path = words[0].lstrip("-@:+!")
    if not path.startswith("/"):
        raise ValueError(value)
    return ExecLine((path, *words[1:]), ignore_failure=words[0].startswith("-"))


def _environment(spec: ServiceSpec, value: str) -> ServiceSpec:
    pairs = [word.partition("=") for word in shlex.split(value)]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError(value)
    return replace(spec, environment={**spec.environment, **{name: text for name, _, text in pairs}})


def _stream(value: str) -> str:
    kind, _, path = value.partition(":")
    if kind in ("file", "append", "truncate") and path.startswith("/"):
        return value
    if value in ("null", "journal", "inherit"):
        return value
    raise ValueError(value)


def _exec_list(name: str) -> Callable[[ServiceSpec, str], ServiceSpec]:
    """An empty assignment clears the list, as in a drop-in."""

    def set_list(spec: ServiceSpec, value: str) -> ServiceSpec:
        lines = (*getattr(spec, name), _exec_line(value)) if value else ()
        return replace(spec, **{name: lines})

    return set_list


def _set(name: str, read: Callable[[str], object]) -> Callable[[ServiceSpec, str], ServiceSpec]:
    return lambda spec, value: replace(spec, **{name: read(value)})


_ASSIGN: dict[str, Callable[[ServiceSpec, str], ServiceSpec]] = {
    "CollectMode": _set("collect_failed", lambda value: value == "inactive-or-failed"),
    "Description": _set("description", str),
    "Environment": _environment,
    "ExecStart": lambda spec, value: replace(spec, exec_start=_exec_line(value) if value else None),
    "ExecStartPre": _exec_list("exec_start_pre"),
    "ExecStopPost": _exec_list("exec_stop_post"),
    "KillMode": _set("kill_mode", KillMode),
    "RemainAfterExit": _set("remain_after_exit", _flag),
    "Restart": _set("restart", str),
    "RestartSec": _set("restart_s", parse_timespan),
    "RuntimeMaxSec": _set("runtime_max_s", parse_timespan),
    "StandardError": _set("stderr", _stream),
    "StandardInput": _set("stdin", _stream),
    "StandardOutput": _set("stdout", _stream),
    "StartLimitBurst": _set("limit_burst", int),
    "StartLimitIntervalSec": _set("limit_interval_s", parse_timespan),
    "TimeoutSec": lambda spec, value: replace(
        spec, timeout_start_s=parse_timespan(value), timeout_stop_s=parse_timespan(value)
    ),
    "TimeoutStartSec": _set("timeout_start_s", parse_timespan),
    "TimeoutStopSec": _set("timeout_stop_s", parse_timespan),
    "Type": _set("type", ServiceType),
    "UMask": _set("umask", lambda value: int(value, 8)),
    "WorkingDirectory": _set("cwd", str),
}

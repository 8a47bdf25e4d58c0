"""What `systemctl show` prints: names, order and formats of systemd 252, of the properties that matter here.

The order is systemd's own, whatever order was asked for: a trap for readers of `--value`.
"""

import signal
import time
from collections.abc import Iterator

from tests.sandbox.nodes.systemd.record import Execution, Moment
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.spec import ExecLine, ServiceSpec
from tests.sandbox.nodes.systemd.system import System, Unit
from tests.sandbox.nodes.systemd.timer import Timer
from tests.sandbox.nodes.systemd.timespan import render_timespan

Pair = tuple[str, str]
_NOTHING = ServiceSpec()
_MOMENTS = ("StateChange", "InactiveExit", "ActiveEnter", "ActiveExit", "InactiveEnter")
_NEVER_EMPTY = ("ExecStartPre", "ExecStart", "ExecStopPost")
"""Lists without an element are not printed, not even when asked for."""


def render_properties(
    pairs: list[Pair], wanted: frozenset[str] | None, *, value_only: bool, everything: bool
) -> str:
    """`wanted` None means all; then empty ones are left out unless `everything`."""
    lines = []
    for name, value in pairs:
        if wanted is not None and name not in wanted:
            continue
        if value or (name not in _NEVER_EMPTY and (wanted is not None or everything)):
            lines.append(f"{value}\n" if value_only else f"{name}={value}\n")
    return "".join(lines)


def properties(system: System, name: str, unit: Unit | None) -> list[Pair]:
    """Of a unit that is not there, too: systemd answers for any name."""
    if unit is None:
        missing = Service(name, _NOTHING, "", system, transient=False)
        return [*_service(missing), *_unit(system, missing, load="not-found")]
    if isinstance(unit, Service):
        return [*_service(unit), *_unit(system, unit, load="loaded")]
    return [*_timer(unit), *_unit(system, unit, load="loaded")]


def _service(service: Service) -> Iterator[Pair]:
    spec, main = service.spec, service.main
    running = main.exit is None
    yield "Type", spec.type
    yield "Restart", spec.restart
    yield "RestartUSec", render_timespan(spec.restart_s)
    yield "TimeoutStartUSec", render_timespan(spec.start_bound_s)
    yield "TimeoutStopUSec", render_timespan(spec.timeout_stop_s)
    yield "RuntimeMaxUSec", render_timespan(spec.runtime_max_s)
    yield "RemainAfterExit", _flag(spec.remain_after_exit)
    yield "MainPID", str(main.pid if running else 0)
    yield "Result", service.result
    yield "NRestarts", str(service.restarts)
    yield from _moment("ExecMainStartTimestamp", main.started)
    yield from _moment("ExecMainExitTimestamp", main.ended)
    yield "ExecMainPID", str(main.pid)
    yield "ExecMainCode", "0" if running else ("2" if main.exit.killed else "1")
    yield "ExecMainStatus", "0" if running else str(main.exit.status)
    yield "ExecStartPre", " ".join(_exec(line, Execution()) for line in spec.exec_start_pre)
    yield "ExecStart", _exec(spec.exec_start, main) if spec.exec_start else ""
    posts = [
        _exec(line, service.stop_post.get(number, Execution())) for number, line in enumerate(spec.exec_stop_post)
    ]
    yield "ExecStopPost", " ".join(posts)
    yield "Environment", " ".join(_variable(*pair) for pair in spec.environment.items())
    yield "StandardOutput", spec.stdout.partition(":")[0]
    yield "StandardError", spec.stderr.partition(":")[0]
    yield "KillMode", spec.kill_mode


def _timer(timer: Timer) -> Iterator[Pair]:
    left = render_timespan(timer.next_monotonic_s)
    yield "Unit", timer.service.name
    yield "TimersMonotonic", f"{{ OnActiveUSec={render_timespan(timer.spec.on_active_s)} ; next_elapse={left} }}"
    yield "NextElapseUSecMonotonic", left
    yield "Result", "success"
    yield "AccuracyUSec", render_timespan(timer.spec.accuracy_s)
    yield "RemainAfterElapse", "no"


def _unit(system: System, unit: Unit, *, load: str) -> Iterator[Pair]:
    service = unit if isinstance(unit, Service) else None
    there = load == "loaded"
    transient = service is None or service.transient
    yield "Id", unit.name
    yield "Names", unit.name
    yield "Description", description(unit)
    yield "LoadState", load
    yield "ActiveState", unit.active
    yield "SubState", unit.sub
    yield "FragmentPath", unit.fragment
    yield "DropInPaths", " ".join(service.drop_ins) if service else ""
    if there:
        enabled = "transient" if transient else ("enabled" if system.enabled(unit) else "disabled")
        yield "UnitFileState", enabled
    for name in _MOMENTS:
        yield from _moment(f"{name}Timestamp", unit.moments.get(name, Moment()))
    yield "NeedDaemonReload", _flag(there and service is not None and system.needs_reload(service))
    yield "Transient", _flag(there and transient)
    if service is not None:
        yield "InvocationID", service.invocation
        yield "CollectMode", "inactive-or-failed" if service.spec.collect_failed else "inactive"


def description(unit: Unit) -> str:
    service = unit if isinstance(unit, Service) else unit.service
    if service.spec.description:
        return service.spec.description
    return " ".join(service.spec.exec_start.argv) if service.transient and service.spec.exec_start else unit.name


def render_time(moment: Moment) -> str:
    """`Tue 2026-11-24 06:35:07 UTC`; nothing for never."""
    return time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(moment.real_us / 1e6)) if moment.real_us else ""


def signal_name(number: int) -> str:
    return signal.Signals(number).name.removeprefix("SIG")


def _moment(name: str, moment: Moment) -> Iterator[Pair]:
    yield name, render_time(moment)
    yield f"{name}Monotonic", str(moment.monotonic_us)


def _exec(line: ExecLine, execution: Execution) -> str:
    ended = execution.exit
    code, status = "(null)", "0/0"
    if ended is not None:
        code = "killed" if ended.killed else "exited"
        status = f"{ended.status}/{signal_name(ended.status)}" if ended.killed else str(ended.status)
    times = [f"[{render_time(moment) or 'n/a'}]" for moment in (execution.started, execution.ended)]
    return (
        f"{{ path={line.argv[0]} ; argv[]={' '.join(line.argv)} ; ignore_errors={_flag(line.ignore_failure)} ; "
        f"start_time={times[0]} ; stop_time={times[1]} ; pid={execution.pid} ; code={code} ; status={status} }}"
    )


def _variable(name: str, value: str) -> str:
    return f'"{name}={value}"' if " " in value else f"{name}={value}"


def _flag(value: bool) -> str:
    return "yes" if value else "no"

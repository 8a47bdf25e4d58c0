"""`systemctl`: the verbs a repair needs, with the words and exit codes of systemd 252."""

import getopt
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.sandbox.nodes.systemd.listing import render_json, render_table
from tests.sandbox.nodes.systemd.properties import description, properties, render_properties
from tests.sandbox.nodes.systemd.record import DONE, Active
from tests.sandbox.nodes.systemd.reply import VERSION, Reply, job_failure, refused_option
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.system import System, Unit, UnitError, full_name
from tests.sandbox.nodes.systemd.timer import Timer

_SHORT = "p:P:aqlo:t:s:n:Hf"
_LONG = [
    *("property=", "value", "all", "quiet", "full", "output=", "type=", "signal=", "lines=", "state=", "failed"),
    *("plain", "no-legend", "legend=", "no-pager", "no-block", "version", "kill-whom=", "kill-who=", "no-warn"),
    *("system", "no-ask-password", "job-mode=", "now", "force"),
]
_CHANGED = (
    "Warning: The unit file, source configuration file or drop-ins of {name} changed on disk. "
    "Run 'systemctl daemon-reload' to reload units.\n"
)


@dataclass(frozen=True, slots=True)
class Call:
    system: System
    options: dict[str, str]
    wanted: frozenset[str] | None
    units: tuple[str, ...]
    reply: Reply = field(default_factory=Reply)

    def has(self, *names: str) -> bool:
        return any(name in self.options for name in names)

    def fail(self, message: str, exit_code: int) -> None:
        """One unit of several is not there; the others are still done."""
        self.reply.stderr += f"{message}\n"
        self.reply.exit_code = exit_code


async def systemctl(system: System, arguments: list[str]) -> Reply:
    try:
        options, rest = getopt.gnu_getopt(arguments, _SHORT, _LONG)
    except getopt.GetoptError as error:
        return refused_option("systemctl", arguments, error)
    wanted = [name for key, value in options if key in ("-p", "--property", "-P") for name in value.split(",")]
    named = dict(options)
    if "--version" in named:
        return Reply(0, stdout=VERSION)
    verb = rest[0] if rest else "list-units"
    if verb not in _VERBS:
        return Reply(1, stderr=f"Unknown command verb {verb}.\n")
    call = Call(system, named, frozenset(wanted) if wanted else None, tuple(rest[1:]))
    try:
        await _VERBS[verb](call)
    except UnitError as error:
        call.reply.exit_code = error.exit_code
        call.reply.stderr += f"{error}\n"
    return call.reply


def _named(call: Call, pattern: str) -> list[tuple[str, Unit | None]]:
    """The units that a word means: a glob means loaded ones only."""
    if any(mark in pattern for mark in "*?["):
        return [(unit.name, unit) for unit in call.system.matching(pattern)]
    return [(full_name(pattern), call.system.unit(pattern))]


async def _show(call: Call) -> None:
    found = [pair for word in call.units for pair in _named(call, word)]
    call.reply.stdout = "\n".join(
        render_properties(
            properties(call.system, name, unit),
            call.wanted,
            value_only=call.has("--value", "-P"),
            everything=call.has("-a", "--all"),
        )
        for name, unit in found
    )


async def _cat(call: Call) -> None:
    for word in call.units:
        for name, unit in _named(call, word):
            if unit is None:
                raise UnitError(f"No files found for {name}.", 1)
            texts = [f"# {path}\n{text}" for path, text in call.system.text(unit)]
            call.reply.stdout += "\n".join(texts)


async def _is(call: Call, states: tuple[Active, ...]) -> None:
    found = [pair for word in call.units for pair in _named(call, word)]
    actives = [unit.active if unit is not None else Active.INACTIVE for _, unit in found]
    if not call.has("-q", "--quiet"):
        call.reply.stdout = "".join(f"{active}\n" for active in actives)
    call.reply.exit_code = 0 if any(active in states for active in actives) else 3


async def _is_active(call: Call) -> None:
    await _is(call, (Active.ACTIVE,))


async def _is_failed(call: Call) -> None:
    await _is(call, (Active.FAILED,))
    call.reply.exit_code = 0 if call.reply.exit_code == 0 else 1


async def _is_enabled(call: Call) -> None:
    for name, unit in [pair for word in call.units for pair in _named(call, word)]:
        if unit is None:
            raise UnitError(f"Failed to get unit file state for {name}: No such file or directory", 1)
        state = "enabled" if isinstance(unit, Service) and call.system.enabled(unit) else "disabled"
        call.reply.stdout += f"{state}\n"
        call.reply.exit_code = 0 if state == "enabled" else 1


async def _list_units(call: Call) -> None:
    states = {state for state in call.options.get("--state", "").split(",") if state}
    if call.has("--failed"):
        states.add("failed")
    kind = call.options.get("--type", call.options.get("-t"))
    units = [
        unit
        for unit in call.system.matching("*")
        if (not call.units or any(fnmatchcase(unit.name, pattern) for pattern in call.units))
        and (not states or states & {unit.active, unit.sub, "loaded"})
        and (states or call.has("-a", "--all") or unit.active is not Active.INACTIVE)
        and (kind is None or unit.name.rpartition(".")[2] in kind.split(","))
    ]
    if call.options.get("--output", call.options.get("-o")) == "json":
        call.reply.stdout = render_json(units)
    else:
        legend = not call.has("--no-legend") and call.options.get("--legend") not in ("no", "false")
        call.reply.stdout = render_table(units, legend=legend, plain=call.has("--plain"))


def _job(verb: str, act: Callable[[Service], Awaitable[str]]) -> Callable[[Call], Awaitable[None]]:
    async def run(call: Call) -> None:
        for word in call.units:
            for name, unit in _named(call, word):
                if unit is None:
                    call.fail(f"Failed to {verb} {name}: Unit {name} not found.", 5)
                    continue
                if not isinstance(unit, Service):
                    continue  # a transient timer runs from its creation
                if call.system.needs_reload(unit):
                    call.reply.stderr += _CHANGED.format(name=name)
                if call.has("--no-block"):
                    call.system.in_background(act(unit))
                    continue
                result = await act(unit)
                if result != DONE:
                    call.reply.exit_code = 1
                    call.reply.stderr += job_failure(name, result)

    return run


async def _stop(call: Call) -> None:
    for word in call.units:
        for name, unit in _named(call, word):
            if unit is None:
                call.fail(f"Failed to stop {name}: Unit {name} not loaded.", 5)
            elif call.has("--no-block"):
                call.system.in_background(unit.stop())
            else:
                await unit.stop()


async def _kill(call: Call) -> None:
    number = signal.Signals[
        f"SIG{call.options.get('--signal', call.options.get('-s', 'TERM')).removeprefix('SIG')}"
    ]
    for word in call.units:
        for name, unit in _named(call, word):
            if unit is None:
                raise UnitError(f"Failed to kill unit {name}: Unit {name} not loaded.", 1)
            if isinstance(unit, Service):
                unit.kill(number)


async def _reset_failed(call: Call) -> None:
    for word in call.units or ("*",):
        for name, unit in _named(call, word):
            if unit is None:
                call.fail(f"Failed to reset failed state of unit {name}: Unit {name} not loaded.", 1)
            elif isinstance(unit, Service):
                unit.reset_failed()
                call.system.collect(unit)


async def _status(call: Call) -> None:
    for word in call.units:
        for name, unit in _named(call, word):
            if unit is None:
                raise UnitError(f"Unit {name} could not be found.", 4)
            result = "" if isinstance(unit, Timer) or unit.result == "success" else f" (Result: {unit.result})"
            call.reply.stdout += (
                f"● {name} - {description(unit)}\n     Loaded: loaded ({unit.fragment})\n"
                f"     Active: {unit.active} ({unit.sub}){result}\n"
            )
            call.reply.exit_code = 0 if unit.active in (Active.ACTIVE, Active.ACTIVATING) else 3


async def _reload(call: Call) -> None:
    call.system.reload()


async def _is_system_running(call: Call) -> None:
    failed = any(unit.active is Active.FAILED for unit in call.system.matching("*"))
    call.reply.stdout, call.reply.exit_code = ("degraded\n", 1) if failed else ("running\n", 0)


_VERBS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "cat": _cat,
    "daemon-reload": _reload,
    "is-active": _is_active,
    "is-enabled": _is_enabled,
    "is-failed": _is_failed,
    "is-system-running": _is_system_running,
    "kill": _kill,
    "list-units": _list_units,
    "reset-failed": _reset_failed,
    "restart": _job("restart", lambda service: service.restart()),
    "show": _show,
    "start": _job("start", lambda service: service.start()),
    "status": _status,
    "stop": _stop,
}

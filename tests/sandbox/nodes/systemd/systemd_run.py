"""`systemd-run`: transient services and one-shot timers, with the words and exit codes of systemd 252."""

import getopt
import os
import re
import uuid
from dataclasses import dataclass, field, replace

from tests.sandbox.nodes.systemd.process import Streams
from tests.sandbox.nodes.systemd.properties import signal_name
from tests.sandbox.nodes.systemd.record import DONE
from tests.sandbox.nodes.systemd.reply import VERSION, Reply, job_failure, refused_option
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.spec import ExecLine, ServiceSpec, SpecError, assign
from tests.sandbox.nodes.systemd.system import System, UnitError
from tests.sandbox.nodes.systemd.timer import TimerSpec
from tests.sandbox.nodes.systemd.timespan import parse_timespan, render_timespan

_SHORT = "u:p:qPGrE:t"
_LONG = [
    *("unit=", "property=", "description=", "setenv=", "service-type=", "working-directory=", "nice=", "slice="),
    *(
        "wait",
        "pipe",
        "quiet",
        "collect",
        "no-block",
        "remain-after-exit",
        "same-dir",
        "no-ask-password",
        "version",
    ),
    *("on-active=", "timer-property=", "system"),
]
_OPTION_PROPERTIES = {
    "--description": "Description",
    "--nice": "Nice",
    "--service-type": "Type",
    "--working-directory": "WorkingDirectory",
}
_UNIT_CHARACTERS = re.compile(r"[^A-Za-z0-9:_.\\@-]")


@dataclass(slots=True)
class Request:
    """A parsed command line."""

    name: str = ""
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    lines: list[str] = field(default_factory=list)
    """Of the unit's file."""
    flags: set[str] = field(default_factory=set)
    on_active_s: float | None = None
    timer_properties: list[tuple[str, str]] = field(default_factory=list)
    notes: str = ""


async def systemd_run(system: System, arguments: list[str], streams: Streams, *, cwd: str, path: str) -> Reply:
    """`streams` are the client's; `cwd` and `path` its directory and PATH."""
    try:
        options, command = getopt.getopt(arguments, _SHORT, _LONG)
    except getopt.GetoptError as error:
        return refused_option("systemd-run", arguments, error)
    if ("--version", "") in options:
        return Reply(0, stdout=VERSION)
    try:
        request = _request(options, cwd)
        if not command:
            raise UnitError("Command line to execute required.", 1)
        program = _find(system, command[0], path)
        request.spec = replace(request.spec, exec_start=ExecLine((program, *command[1:])))
        if request.on_active_s is not None:
            return _start_timer(system, request)
        return await _start_service(system, request, streams)
    except UnitError as error:
        return Reply(error.exit_code, stderr=f"{error}\n")
    except SpecError as error:
        return Reply(1, stderr=f"{error}\n")


def _request(options: list[tuple[str, str]], cwd: str) -> Request:
    request = Request()
    for name, value in options:
        match name:
            case "-u" | "--unit":
                request.name, request.notes = _unit_name(value)
            case "--on-active":
                request.on_active_s = _timespan(value)
            case "--timer-property":
                key, _, text = value.partition("=")
                request.timer_properties.append((key, text))
            case "-t":
                raise UnitError("A terminal for a unit (-t) is not simulated; use --pipe.", 1)
            case "-q" | "-P" | "--quiet" | "--pipe" | "--wait" | "--no-block":
                request.flags.add({"-q": "--quiet", "-P": "--pipe"}.get(name, name))
            case "--no-ask-password" | "--system" | "--slice":
                pass
            case _:
                key, text = _property(name, value, cwd)
                request.spec = assign(request.spec, key, text)
                if key not in ("Description", "CollectMode"):
                    request.lines.append(f"{key}={_written(key, text)}")
    return request


def _property(option: str, value: str, cwd: str) -> tuple[str, str]:
    """The assignment that an option stands for."""
    match option:
        case "-p" | "--property":
            key, separator, text = value.partition("=")
            if not separator:
                raise SpecError(f"Not an assignment: {value}")
            return key, text
        case "-E" | "--setenv":
            return "Environment", _quoted(value)
        case "-r" | "--remain-after-exit":
            return "RemainAfterExit", "yes"
        case "-G" | "--collect":
            return "CollectMode", "inactive-or-failed"
        case "--same-dir":
            return "WorkingDirectory", cwd
        case _:
            return _OPTION_PROPERTIES[option], value


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written(key: str, text: str) -> str:
    """A value as systemd writes it into the unit's file: it has read it before."""
    return render_timespan(parse_timespan(text)) if key.endswith("Sec") else text


def _unit_name(value: str) -> tuple[str, str]:
    """The name without its suffix, and systemd's remark when it had to be changed."""
    bare = value.removesuffix(".service").removesuffix(".timer")
    escaped = _UNIT_CHARACTERS.sub("-", bare)
    if escaped == bare:
        return bare, ""
    remark = f'Invalid unit name "{value}" escaped as "{escaped}" (maybe you should use systemd-escape?).\n'
    return escaped, remark


def _timespan(value: str) -> float:
    try:
        return parse_timespan(value)
    except ValueError:
        raise UnitError(f"Failed to parse timer value: {value}", 1) from None


def _find(system: System, program: str, path: str) -> str:
    """Absolute path of the program inside the node, by the client's PATH."""
    candidates = (
        [program] if "/" in program else [os.path.join(folder, program) for folder in path.split(":") if folder]
    )
    for candidate in candidates:
        found = system.machine.resolve(candidate)
        if found is not None and not found.is_dir() and ("/" in program or os.access(found, os.X_OK)):
            return candidate
    raise UnitError(f"Failed to find executable {program}: No such file or directory", 1)


def _start_timer(system: System, request: Request) -> Reply:
    if "--wait" in request.flags:
        raise UnitError("--wait may not be combined with path, socket or timer operations.", 1)
    spec = TimerSpec(request.on_active_s)
    for key, text in request.timer_properties:
        spec = spec.assign(key, text)
    name = request.name or f"run-r{uuid.uuid4().hex}"
    timer_text = (
        f"{_head(request)}[Timer]\n"
        f"OnActiveSec={render_timespan(spec.on_active_s)}\nAccuracySec={render_timespan(spec.accuracy_s)}\n"
        "RemainAfterElapse=no\n"
    )
    system.add_timer(name, spec, request.spec, (timer_text, _text(request)))
    said = "" if "--quiet" in request.flags else (
        f"Running timer as unit: {name}.timer\nWill run service as unit: {name}.service\n"
    )  # fmt: skip
    return Reply(0, stderr=request.notes + said)


async def _start_service(system: System, request: Request, streams: Streams) -> Reply:
    name = f"{request.name or f'run-u{uuid.uuid4().int % 100_000}'}.service"
    service = system.add_service(name, request.spec, _text(request))
    if "--pipe" in request.flags and "--no-block" not in request.flags:
        service.streams = streams
    said = "" if "--quiet" in request.flags else f"{request.notes}Running as unit: {name}\n"
    if "--no-block" in request.flags:
        system.in_background(service.start())
        return Reply(0, stderr=said)
    service.references += 1
    try:
        result = await service.start()
        if result != DONE:
            return Reply(1, stderr=job_failure(name, result))
        if "--wait" in request.flags:
            await service.ended()
            return _waited(service, said, quiet="--quiet" in request.flags)
        return Reply(0, stderr=said)
    finally:
        service.references -= 1
        system.collect(service)


def _waited(service: Service, said: str, *, quiet: bool) -> Reply:
    """The end of `--wait`: systemd-run passes the exit status on, and has one of its own for all else."""
    ended = service.main.exit
    match service.result:
        case "success":
            code = 0
        case "exit-code" if ended is not None:
            code = ended.status
        case "signal":
            code = 255
        case _:
            code = 1
    if quiet:
        return Reply(code)
    how = "n/a"
    if ended is not None:
        how = (
            f"code=killed/status={signal_name(ended.status)}"
            if ended.killed
            else f"code=exited/status={ended.status}"
        )
    took = (service.main.ended.monotonic_us - service.main.started.monotonic_us) / 1e6
    said += (
        f"Finished with result: {service.result}\nMain processes terminated with: {how}\n"
        f"Service runtime: {render_timespan(round(took, 3))}\n"
    )
    return Reply(code, stderr=said)


def _text(request: Request) -> str:
    argv = request.spec.exec_start.argv
    words = " ".join(_quoted(word).replace("%", "%%") for word in argv)
    lines = "".join(f"{line}\n" for line in request.lines)
    return f"{_head(request)}[Service]\n{lines}ExecStart=\nExecStart={words}\n"


def _head(request: Request) -> str:
    collect = "CollectMode=inactive-or-failed\n" if request.spec.collect_failed else ""
    return (
        "# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n"
        f"[Unit]\nDescription={request.spec.description or ' '.join(request.spec.exec_start.argv)}\n{collect}\n"
    )

"""The service manager of a simulated worker: which units there are, and when one is forgotten.

It lives outside the login sessions, so its units outlive them; it dies with the machine and comes back at a boot
without the transient ones. Only services and one-shot timers exist.
"""

import asyncio
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from tests.sandbox.nodes.machine import Machine
from tests.sandbox.nodes.systemd.record import Active
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.spec import ServiceSpec, SpecError, parse_unit
from tests.sandbox.nodes.systemd.timer import Timer, TimerSpec

_UNIT_FOLDER = "/etc/systemd/system"
_WANTS = f"{_UNIT_FOLDER}/multi-user.target.wants"
_TRANSIENT = "/run/systemd/transient"

Unit = Service | Timer


class UnitError(Exception):
    """What systemctl or systemd-run prints, and its exit status."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def full_name(name: str) -> str:
    return name if name.endswith((".service", ".timer", ".target", ".socket", ".mount")) else f"{name}.service"


class System:
    """`logs` is a host folder for what units print."""

    def __init__(self, machine: Machine, logs: Path) -> None:
        self.machine = machine
        self.on_active: Callable[[Service], None] = lambda service: None
        """Called whenever a service has become active, before the job that started it is answered."""
        self._logs = logs
        self._logs.mkdir(exist_ok=True)
        self._units: dict[str, Unit] = {}
        self._read_at: dict[str, tuple[int, ...]] = {}
        self._jobs: set[asyncio.Task[object]] = set()

    # What there is

    def unit(self, name: str) -> Unit | None:
        """A loaded unit, or one whose file is there."""
        full = full_name(name)
        if full not in self._units and self.machine.exists(f"{_UNIT_FOLDER}/{full}"):
            self._load(full)
        return self._units.get(full)

    def matching(self, pattern: str) -> Iterator[Unit]:
        """Loaded units by glob, by name and then by type as `list-units` sorts them."""
        for name in sorted(self._units, key=lambda name: (name.rpartition(".")[2], name)):
            if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern):
                yield self._units[name]

    def text(self, unit: Unit) -> Iterator[tuple[str, str]]:
        """Path and text of the unit's file and its drop-ins."""
        drop_ins = unit.drop_ins if isinstance(unit, Service) else ()
        for path in (unit.fragment, *drop_ins):
            yield path, self.machine.read_text(path)

    def enabled(self, service: Service) -> bool:
        return self.machine.exists(f"{_WANTS}/{service.name}")

    def needs_reload(self, service: Service) -> bool:
        return not service.transient and self._read_at[service.name] != self._stamp(service.name)

    def journal(self, unit: str) -> Path:
        return self._logs / f"{unit}.log"

    # Jobs

    async def boot(self) -> None:
        """Start what is enabled, as a boot does; a unit that fails does not fail the boot."""
        for name in self.machine.names(_WANTS):
            service = self.unit(name)
            if isinstance(service, Service):
                await service.start()

    def forget_all(self) -> None:
        """The machine is off: nothing runs, nothing is remembered."""
        for unit in self._units.values():
            unit.abandon()
        for job in self._jobs:
            job.cancel()
        self._units.clear()

    def add_service(self, name: str, spec: ServiceSpec, text: str) -> Service:
        """Raises UnitError when the name is taken."""
        self._refuse_taken(name, "service")
        service = Service(name, spec, self._write_fragment(name, text), self, transient=True)
        self._units[name] = service
        return service

    def add_timer(self, name: str, spec: TimerSpec, service_spec: ServiceSpec, texts: tuple[str, str]) -> Timer:
        """A timer and the service it starts, both transient, of one name. Raises UnitError."""
        self._refuse_taken(f"{name}.timer", "timer")
        service = self.add_service(f"{name}.service", service_spec, texts[1])
        timer = Timer(f"{name}.timer", spec, service, self._write_fragment(f"{name}.timer", texts[0]))
        self._units[timer.name] = timer
        timer.start()
        self.in_background(self._collect_timer(timer))
        return timer

    def reload(self) -> None:
        """`daemon-reload`: read every unit file again."""
        for name, unit in list(self._units.items()):
            if isinstance(unit, Service) and not unit.transient and self.machine.exists(f"{_UNIT_FOLDER}/{name}"):
                self._load(name, unit)

    def in_background(self, job: "asyncio.Future[object] | object") -> None:
        """A job that nobody waits for (`--no-block`)."""
        task = asyncio.ensure_future(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    def collect(self, service: Service) -> None:
        """Forget a transient unit at rest that nobody refers to; a failed one only when told so."""
        at_rest = service.active is Active.INACTIVE or (
            service.active is Active.FAILED and service.spec.collect_failed
        )
        if service.transient and at_rest and service.references == 0 and self._units.get(service.name) is service:
            del self._units[service.name]
            self._delete_fragment(service.fragment)

    # A service's surroundings

    def settled(self, service: Service) -> None:
        self.collect(service)

    def became_active(self, service: Service) -> None:
        self.on_active(service)

    # Files

    def _refuse_taken(self, name: str, kind: str) -> None:
        if self.unit(name) is not None:
            raise UnitError(
                f"Failed to start transient {kind} unit: Unit {name} was already loaded or has a fragment file.", 1
            )

    def _load(self, name: str, known: Service | None = None) -> None:
        path = f"{_UNIT_FOLDER}/{name}"
        folder = f"{path}.d"
        drop_ins = tuple(f"{folder}/{each}" for each in self.machine.names(folder) if each.endswith(".conf"))
        try:
            spec, _ = parse_unit("\n".join(self.machine.read_text(each) for each in (path, *drop_ins)))
        except (SpecError, ValueError):
            return  # systemd calls it bad-setting; nothing in the sandbox needs more than "not loaded"
        service = known or Service(name, spec, path, self, transient=False)
        service.redefine(spec)
        service.drop_ins = drop_ins
        self._units[name] = service
        self._read_at[name] = self._stamp(name)

    def _stamp(self, name: str) -> tuple[int, ...]:
        path = f"{_UNIT_FOLDER}/{name}"
        files = (path, *(f"{path}.d/{each}" for each in self.machine.names(f"{path}.d")))
        return tuple(self.machine.changed_ns(file) for file in files)

    def _write_fragment(self, name: str, text: str) -> str:
        path = f"{_TRANSIENT}/{name}"
        self.machine.path(_TRANSIENT).mkdir(parents=True, exist_ok=True)
        self.machine.path(path).write_text(text)
        return path

    def _delete_fragment(self, path: str) -> None:
        if self.machine.on:
            self.machine.path(path).unlink(missing_ok=True)

    async def _collect_timer(self, timer: Timer) -> None:
        await timer.elapsed()
        if self._units.get(timer.name) is timer:
            del self._units[timer.name]
            self._delete_fragment(timer.fragment)
        self.collect(timer.service)

"""One service: the states of systemd 252 for the types, restarts and bounds that a worker's units use.

A task (`_life`) walks from start to end, over automatic restarts. Jobs only start it, or ask it to stop and wait.
Results, exit codes, start limits and what `systemctl show` says at each moment were read off a real systemd 252.
"""

import asyncio
import math
import signal
import uuid
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tests.sandbox.nodes.machine import Machine
from tests.sandbox.nodes.systemd.commands import Commands
from tests.sandbox.nodes.systemd.notify import NotifySocket
from tests.sandbox.nodes.systemd.process import Exit, Streams, UnitProcess
from tests.sandbox.nodes.systemd.record import (
    DONE,
    SUCCESS,
    Active,
    Execution,
    Moment,
    StartLimit,
    note_change,
    outcome_variables,
)
from tests.sandbox.nodes.systemd.spec import KillMode, ServiceSpec, ServiceType

_LEFT_OVER_POLLS, _LEFT_OVER_POLL_S = 50, 0.02
"""What a main process left behind gets a second to obey SIGTERM; the real bound is TimeoutStopSec."""


class Surroundings(Protocol):
    """What a service needs of its node."""

    machine: Machine

    def journal(self, unit: str) -> Path:
        """Host file that keeps a unit's output."""

    def settled(self, service: "Service") -> None:
        """Called when a service has come to rest."""

    def became_active(self, service: "Service") -> None: ...


class Service:
    """`name` with its suffix; `fragment` is the path of its file inside the node."""

    def __init__(
        self, name: str, spec: ServiceSpec, fragment: str, around: Surroundings, *, transient: bool
    ) -> None:
        self.name = name
        self.spec = spec
        self.fragment = fragment
        self.drop_ins: tuple[str, ...] = ()
        self.transient = transient
        self.references = 0
        """Clients and timers that keep a transient unit in memory."""
        self.streams: Streams | None = None
        self.active, self.sub = Active.INACTIVE, "dead"
        self.result = SUCCESS
        self.restarts = 0
        self.invocation = ""
        self.main = Execution()
        self.stop_post: dict[int, Execution] = {}
        self.moments: dict[str, Moment] = {}
        self._around = around
        self._limit = StartLimit()
        self._life: asyncio.Task[None] | None = None
        self._job: asyncio.Future[str] | None = None
        self._stop_wanted = asyncio.Event()
        self._process: UnitProcess | None = None

    # Jobs

    async def start(self) -> str:
        """Result of the job: DONE, or why not. A running unit is DONE at once."""
        if self._life is not None and (self._stop_wanted.is_set() or self.sub == "auto-restart"):
            self._stop_wanted.set()
            await self.ended()
        if self._job is not None and self._life is not None:
            return await asyncio.shield(self._job)
        if not self._limit.below(self.spec.limit_interval_s, self.spec.limit_burst):
            if self.result == SUCCESS:
                self.result = "start-limit-hit"
            self._enter(Active.FAILED, "failed")
            self._around.settled(self)
            return self.result
        self._stop_wanted.clear()
        self._job = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live(self._job), name=self.name)
        return await asyncio.shield(self._job)

    async def stop(self) -> None:
        """Returns when it has ended; a unit at rest stays as it is."""
        if self._life is not None:
            self._stop_wanted.set()
            await self.ended()

    async def restart(self) -> str:
        await self.stop()
        return await self.start()

    async def ended(self) -> None:
        """Wait until the present life, if any, is over."""
        if self._life is not None:
            await asyncio.wait([self._life])

    def reset_failed(self) -> None:
        if self.active is Active.FAILED:
            self._enter(Active.INACTIVE, "dead")
        self.result = SUCCESS
        self.restarts = 0
        self._limit = StartLimit()

    def kill(self, number: int) -> None:
        if self._process is not None:
            self._process.signal_all(number)

    def abandon(self) -> None:
        """The machine is gone: end the task without touching anything."""
        if self._life is not None:
            self._life.cancel()

    # One life

    async def _live(self, job: asyncio.Future[str]) -> None:
        try:
            await self._activate(job)
            while self._restarts_itself():
                self._enter(Active.ACTIVATING, "auto-restart")
                if await self._stopped_within(self.spec.restart_s):
                    self._enter(Active.INACTIVE, "dead")
                    return
                if not self._limit.below(self.spec.limit_interval_s, self.spec.limit_burst):
                    break
                self.restarts += 1
                await self._activate(asyncio.get_running_loop().create_future())
            self._enter(*((Active.INACTIVE, "dead") if self.result == SUCCESS else (Active.FAILED, "failed")))
        finally:
            self._life = None
            self._process = None
            if not job.done():
                job.set_result("canceled")
            self._around.settled(self)

    def _restarts_itself(self) -> bool:
        if self._stop_wanted.is_set():
            return False
        return self.spec.restart == "always" or (self.spec.restart == "on-failure" and self.result != SUCCESS)

    async def _activate(self, job: asyncio.Future[str]) -> None:
        """From the first process to the last; `job` gets its result on the way."""
        self.result, self.invocation, self.main = SUCCESS, uuid.uuid4().hex, Execution()
        self._enter(Active.ACTIVATING, "start")
        run = Commands(
            self._around.machine, self._around.journal(self.name), self.spec, self.invocation, self.streams
        )
        if await run.all(self.spec.exec_start_pre, {}):
            await self._run_main(run, job)
        else:
            self.result = "exit-code"
        outcome = outcome_variables(self.result, self.main.exit)
        await run.all(self.spec.exec_stop_post, outcome, kept=self.stop_post)
        if not job.done():
            job.set_result(DONE if self.result == SUCCESS else self.result)

    async def _run_main(self, run: Commands, job: asyncio.Future[str]) -> None:
        async with NotifySocket(self._around.machine, self.invocation) as notify:
            environment = {"NOTIFY_SOCKET": notify.inside} if self.spec.type is ServiceType.NOTIFY else {}
            process, executed = await run.spawn(self.spec.exec_start, environment)
            self._process = process
            self.main = Execution(process.pid, Moment.now())
            ending = asyncio.create_task(process.wait())
            if await self._await_start(ending, notify, executed):
                self._enter(Active.ACTIVE, "running")
                job.set_result(DONE)
                self._around.became_active(self)
                await self._await_end(ending, self.spec.runtime_max_s)
            self.main.exit, self.main.ended = await ending, Moment.now()
        if self.result == SUCCESS and not self.main.exit.clean:
            self.result = "signal" if self.main.exit.killed else "exit-code"
        await self._end_left_over()
        if self.spec.remain_after_exit and self.result == SUCCESS and not self._stop_wanted.is_set():
            self._enter(Active.ACTIVE, "exited")
            if not job.done():
                job.set_result(DONE)
            await self._stop_wanted.wait()

    async def _await_start(self, ending: asyncio.Task[Exit], notify: NotifySocket, executed: bool) -> bool:
        """Whether the unit became active; a one-shot never does, and its whole run is its start."""
        match self.spec.type:
            case ServiceType.SIMPLE:
                return True
            case ServiceType.EXEC:
                return executed
            case ServiceType.NOTIFY:
                return await self._await_end(ending, self.spec.start_bound_s, notify.ready.wait())
            case ServiceType.ONESHOT:
                return await self._await_end(ending, self.spec.start_bound_s)

    async def _await_end(
        self, ending: asyncio.Task[Exit], bound_s: float, event: Awaitable[object] | None = None
    ) -> bool:
        """True when `event` came first. Else the process has ended, by itself or by a stop or the time bound."""
        waits = [asyncio.ensure_future(self._stop_wanted.wait())]
        if event is not None:
            waits.append(asyncio.ensure_future(event))
        bound = None if math.isinf(bound_s) else bound_s
        try:
            done, _ = await asyncio.wait((ending, *waits), timeout=bound, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if ending in done:
            if event is not None and ending.result().clean:
                self.result = "protocol"
            return False
        if event is not None and waits[1] in done:
            return True
        if not done:
            self.result = "timeout"
        await self._terminate(ending)
        return False

    async def _terminate(self, ending: asyncio.Task[Exit]) -> None:
        self._enter(Active.DEACTIVATING, "stop-sigterm")
        if self.spec.kill_mode is KillMode.CONTROL_GROUP:
            self._process.signal_all(signal.SIGTERM)
        else:
            self._process.signal_main(signal.SIGTERM)
        bound = None if math.isinf(self.spec.timeout_stop_s) else self.spec.timeout_stop_s
        done, _ = await asyncio.wait([ending], timeout=bound)
        if not done:
            self.result = "timeout"
            self._enter(Active.DEACTIVATING, "stop-sigkill")
            self._process.signal_main(signal.SIGKILL)
            await ending

    async def _end_left_over(self) -> None:
        """What the main process left behind dies with it, except with KillMode=process."""
        if self.spec.kill_mode in (KillMode.PROCESS, KillMode.NONE) or not self._process.left_over():
            return
        self._process.signal_all(signal.SIGTERM)
        for _ in range(_LEFT_OVER_POLLS):
            if not self._process.left_over():
                return
            await asyncio.sleep(_LEFT_OVER_POLL_S)
        self._process.signal_all(signal.SIGKILL)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stop_wanted.wait()
        except TimeoutError:
            return False
        return True

    def _enter(self, active: Active, sub: str) -> None:
        note_change(self.moments, self.active, active)
        self.active, self.sub = active, sub

    def redefine(self, spec: ServiceSpec) -> None:
        """`daemon-reload`: what runs goes on, the next start follows the new text."""
        self.spec = replace(spec)

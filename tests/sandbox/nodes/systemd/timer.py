"""A transient timer of `systemd-run --on-active`: fires once, late by as much as its accuracy allows.

systemd moves a timer within `AccuracySec` (one minute unless told otherwise) to coincide with others. Here the
lateness is a fixed part of it, so whoever forgets that property always meets the delay.
"""

import asyncio
import time
from dataclasses import dataclass

from tests.sandbox.nodes.systemd.record import Active, Moment
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.spec import SpecError
from tests.sandbox.nodes.systemd.timespan import parse_timespan

LATENESS = 0.75
"""Part of the accuracy by which a timer is late."""


@dataclass(frozen=True, slots=True)
class TimerSpec:
    on_active_s: float
    accuracy_s: float = 60

    def assign(self, key: str, value: str) -> "TimerSpec":
        """Raises SpecError in systemd's words."""
        if key != "AccuracySec":
            raise SpecError(f"Unknown assignment: {key}={value}")
        try:
            return TimerSpec(self.on_active_s, parse_timespan(value))
        except ValueError:
            raise SpecError(f"Failed to parse {key}={value}: Invalid argument") from None


class Timer:
    """`settled` is called when the timer has elapsed and its service has ended, or when it was stopped."""

    def __init__(self, name: str, spec: TimerSpec, service: Service, fragment: str) -> None:
        self.name = name
        self.spec = spec
        self.service = service
        self.fragment = fragment
        self.active, self.sub = Active.INACTIVE, "dead"
        self.moments: dict[str, Moment] = {}
        self.next_monotonic_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.active, self.sub = Active.ACTIVE, "waiting"
        now = Moment.now()
        self.moments = dict.fromkeys(("StateChange", "InactiveExit", "ActiveEnter"), now)
        self.next_monotonic_s = time.monotonic() + self.spec.on_active_s
        self.service.references += 1
        self._task = asyncio.create_task(self._wait_and_fire(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def elapsed(self) -> None:
        """Wait until it is over, by firing or by a stop."""
        await asyncio.wait([self._task])

    async def _wait_and_fire(self) -> None:
        try:
            await asyncio.sleep(self.spec.on_active_s + LATENESS * self.spec.accuracy_s)
            self.sub = "running"
            await self.service.start()
            await self.service.ended()
        finally:
            self.active, self.sub = Active.INACTIVE, "dead"
            self.service.references -= 1

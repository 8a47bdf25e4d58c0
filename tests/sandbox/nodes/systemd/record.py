"""What is remembered of a unit: its states, when they changed, how its processes ended, how often it started."""

import math
import signal
import time
from dataclasses import dataclass, field
from enum import StrEnum

from tests.sandbox.nodes.systemd.process import Exit

DONE = "done"
"""Result of a job that worked; anything else is a service result."""
SUCCESS = "success"


class Active(StrEnum):
    INACTIVE = "inactive"
    ACTIVATING = "activating"
    ACTIVE = "active"
    DEACTIVATING = "deactivating"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant by both clocks, in microseconds; zero is never."""

    real_us: int = 0
    monotonic_us: int = 0

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.time_ns() // 1000, time.monotonic_ns() // 1000)


@dataclass(slots=True)
class Execution:
    """The main process of the latest activation, as `systemctl show` tells it."""

    pid: int = 0
    started: Moment = field(default_factory=Moment)
    ended: Moment = field(default_factory=Moment)
    exit: Exit | None = None


class StartLimit:
    """systemd's rate limit of starts."""

    def __init__(self) -> None:
        self._begin = -math.inf
        self._count = 0

    def below(self, interval_s: float, burst: int) -> bool:
        now = time.monotonic()
        if now - self._begin > interval_s:
            self._begin, self._count = now, 0
        self._count += 1
        return self._count <= burst


def note_change(moments: dict[str, Moment], before: Active, after: Active) -> None:
    """Keep when a unit entered and left activity and rest, under the names of systemd's properties."""
    now = Moment.now()
    resting = (Active.INACTIVE, Active.FAILED)
    moments["StateChange"] = now
    if before is after:
        return
    if after is Active.ACTIVE:
        moments["ActiveEnter"] = now
    if before is Active.ACTIVE:
        moments["ActiveExit"] = now
    if after in resting:
        moments["InactiveEnter"] = now
    if before in resting:
        moments["InactiveExit"] = now


def outcome_variables(result: str, ended: Exit | None) -> dict[str, str]:
    """What ExecStopPost finds in its environment (systemd.exec(5))."""
    if ended is None:
        return {"SERVICE_RESULT": result}
    kind = "killed" if ended.killed else "exited"
    status = signal.Signals(ended.status).name.removeprefix("SIG") if ended.killed else str(ended.status)
    return {"SERVICE_RESULT": result, "EXIT_CODE": kind, "EXIT_STATUS": status}

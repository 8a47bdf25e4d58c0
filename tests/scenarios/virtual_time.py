"""An event loop whose clock jumps: a wait of four hours takes no time, and order stays what it would be.

The loop's selector is asked to wait until the next timer; instead of waiting, the clock is set to that moment. A
scenario with real I/O would not work on it, and none has any.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer is set")
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class VirtualClock:
    """The engine's `Clock` on a virtual loop. `wall_offset_s` sets the wall clock apart from the loop's."""

    def __init__(self) -> None:
        self.wall_offset_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic() + self.wall_offset_s)

    def elsewhere(self) -> datetime:
        """What the clocks of the cluster say."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtually(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario to its end on a virtual clock; tasks it left behind are cancelled and awaited."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario)

"""A clock that stands still until a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def sleeping(self) -> int:
        return sum(not woken.done() for _, woken in self._sleepers)

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed_s + seconds, woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Move the time on and wake whoever is due."""
        self._elapsed_s += seconds
        for due, woken in self._sleepers:
            if due <= self._elapsed_s and not woken.done():
                woken.set_result(None)

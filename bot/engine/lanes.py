"""Many nodes read at once, with a cap, so that a slow or dead one never delays the rest.

A read that lasts goes on in a second lane of the same width and gives its place in the first one to another node.
So at most twice the cap are under way, and only more dead nodes than the cap keep others waiting.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Lanes:
    def __init__(self, cap: int, patience_s: float) -> None:
        self._places = asyncio.Semaphore(cap)
        self._aside = asyncio.Semaphore(cap)
        self._patience_s = patience_s

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Begin the work when there is a place, and wait for its end."""
        try:
            await self._places.acquire()
        except BaseException:
            work.close()
            raise
        lane, task = self._places, asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=self._patience_s)
            if not task.done() and await self._stepped_aside(task):
                self._places.release()
                lane = self._aside
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            lane.release()

    async def _stepped_aside(self, task: asyncio.Future[T]) -> bool:
        """Whether there was room in the second lane before the task ended."""
        room = asyncio.ensure_future(self._aside.acquire())
        either: set[asyncio.Future[Any]] = {task, room}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return room.done()
        finally:
            room.cancel()

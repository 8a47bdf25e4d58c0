"""Tells whoever waits that something in the workspace changed, so that nothing here ever polls."""

import asyncio


class Changes:
    """A counter that only grows, and a way to sleep until it has grown."""

    def __init__(self) -> None:
        self._revision = 0
        self._moved = asyncio.Event()

    @property
    def revision(self) -> int:
        return self._revision

    def announce(self) -> None:
        """Count one change and wake every waiter."""
        self._revision += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def beyond(self, revision: int) -> int:
        """Wait until more than `revision` changes were counted; the new count."""
        while self._revision <= revision:
            await self._moved.wait()
        return self._revision

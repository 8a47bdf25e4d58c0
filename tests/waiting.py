"""One way to wait for what announces nothing: a counter, a log, what another process does."""

import asyncio
from collections.abc import Callable


async def eventually(reached: Callable[[], object], within_s: float = 20.0) -> None:
    """The bound is for a busy machine and costs a sound one nothing. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not reached():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)

"""The one loop of all level-triggered controllers: look at everything, act, sleep until something changed."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..api import ApiError, Store

# Writes come in bursts; a controller that looked after each of them would look hundreds of times.
_SETTLE_S = 0.02
_RETRY_S = 0.5


class Controller(Protocol):
    """`sync` makes the cluster's state converge; it returns the seconds until it wants to look again."""

    def sync(self) -> float | None: ...


async def run_controller(store: Store, controller: Controller) -> None:
    """Call `sync` at the start, after each change and when it asked for it, until cancelled.

    A conflict or a refusal is no error here: the next look decides anew, as in every real controller.
    """
    while True:
        seen = store.revision
        try:
            wait_s = controller.sync()
        except ApiError:
            wait_s = _RETRY_S
        await store.wait_newer(seen, wait_s)  # its own writes want another look as well
        await asyncio.sleep(_SETTLE_S)

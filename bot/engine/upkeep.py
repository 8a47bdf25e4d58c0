"""Keeps a part of the service alive beside the others: the watch, the cards, the way in for clicks.

A defect in one of them must not end the program, because that would cancel the repairs (design.md invariant 5).
The workers have a boundary of their own.
"""

from collections.abc import Awaitable, Callable

import structlog

from bot.core.errors import JournalError
from bot.engine.ports import Clock

log = structlog.get_logger(__name__)

AGAIN_S = (1.0, 5.0, 15.0, 60.0)
LASTED_S = 600.0
"""A part that ran for so long has recovered: its next crash is a new one."""


async def keep(part: str, run: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run it until cancelled, again after each crash, ever more slowly while it crashes at once.

    Raises JournalError: what cannot be remembered ends the program (design.md invariant 3).
    """
    crashes = 0
    while True:
        began_s = clock.monotonic()
        try:
            await run()
        except JournalError:
            raise
        except Exception:
            log.exception("crashed; it begins anew", part=part)
        else:
            log.error("ended; it begins anew", part=part)
        crashes = 0 if clock.monotonic() - began_s >= LASTED_S else crashes
        await clock.sleep(AGAIN_S[min(crashes, len(AGAIN_S) - 1)])
        crashes += 1

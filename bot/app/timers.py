"""What happens by the clock. Jobs only enqueue or look into memory (library-facts.md: a shutdown of APScheduler
cancels whatever else they would do); a job is a coroutine, since a plain function would run in a thread, where
nothing of the engine may be touched.
"""

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.adapters.kube.feed import Feed
from bot.engine.intake import Intake

log = structlog.get_logger(__name__)

TICK_S = 1
DEAF_S = 60
"""How often a watch that hears nothing is complained of."""


def build_timers(intake: Intake, feed: Feed) -> AsyncIOScheduler:
    """Not started yet."""

    async def tick() -> None:
        intake.tick()

    async def listen() -> None:
        if (why := feed.deaf()) is not None:
            log.error("deaf", why=why)

    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 60})
    scheduler.add_job(tick, "interval", seconds=TICK_S)
    scheduler.add_job(listen, "interval", seconds=DEAF_S)
    return scheduler

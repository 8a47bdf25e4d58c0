"""What happens by the clock. Jobs only enqueue or look into memory (library-facts.md: a shutdown of APScheduler
cancels whatever else they would do); a job is a coroutine, since a plain function would run in a thread, where
nothing of the engine may be touched.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bot.adapters.kube.feed import Feed
from bot.core.cron import parse_cron
from bot.core.settings import Sweep
from bot.engine.intake import Intake
from bot.engine.sweeps import Sweeps

log = structlog.get_logger(__name__)

TICK_S = 1
DEAF_S = 60
"""How often a watch that hears nothing is complained of."""


SWEEP = "sweep"
"""Id of the job that enqueues a sweep."""

ONE_S = timedelta(seconds=1)


def schedule_of(sweep: Sweep) -> CronTrigger | None:
    """`None` when sweeps are only made by hand. The zone is always given: else it would be the machine's."""
    if sweep.cron is None:
        return None
    return CronTrigger(**parse_cron(sweep.cron), timezone=ZoneInfo(sweep.timezone))


def fires_after(sweep: Sweep) -> Callable[[datetime], datetime | None]:
    """The schedule's first moment after a given one; the trigger's own answer may be that very moment."""
    trigger = schedule_of(sweep)

    def after(moment: datetime) -> datetime | None:
        fires: datetime | None = trigger and trigger.get_next_fire_time(None, moment + ONE_S)
        return fires

    return after


def build_timers(intake: Intake, feed: Feed, sweeps: Sweeps, sweep: Sweep) -> AsyncIOScheduler:
    """Not started yet."""

    async def tick() -> None:
        intake.tick()

    async def listen() -> None:
        if (why := feed.deaf()) is not None:
            log.error("deaf", why=why)

    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 60})
    scheduler.add_job(tick, "interval", seconds=TICK_S)
    scheduler.add_job(listen, "interval", seconds=DEAF_S)

    async def enqueue() -> None:
        sweeps.ask(None)

    def missed(event: JobExecutionEvent) -> None:
        if event.job_id == SWEEP:
            log.error("sweep missed", due=str(event.scheduled_run_time))

    if (trigger := schedule_of(sweep)) is not None:
        scheduler.add_job(enqueue, trigger, id=SWEEP, misfire_grace_time=round(sweep.grace_s))
        scheduler.add_listener(missed, EVENT_JOB_MISSED)
    return scheduler

"""What monitoring may look at: where the metrics come from, and what has to work for the bot to be relied on."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from bot.adapters.kube.feed import Feed
from bot.adapters.slack.cards import SlackCards
from bot.adapters.slack.socket import SlackSocket
from bot.adapters.ssh.nodes import SshNodes
from bot.adapters.telemetry import DEFECTS
from bot.core.settings import Http
from bot.engine.brake import Brake
from bot.engine.desk import Desk
from bot.engine.intake import Intake
from bot.engine.sweeps import Sweeps

Slack = tuple[SlackCards, SlackSocket]
"""The way out and the way in."""


def open_outlook(
    settings: Http,
    desk: Desk,
    intake: Intake,
    feed: Feed,
    nodes: SshNodes,
    sweeps: Sweeps,
    brake: Brake,
    slack: Slack | None,
) -> AbstractAsyncContextManager[None]:
    """Listens while it is entered, if a port is set. `slack`: `None` where the bot goes without."""
    if settings.port is None:
        return nullcontext()
    # Its packages take memory that nobody needs who does not listen.
    from bot.adapters.http.metrics import Sources
    from bot.adapters.http.server import listen

    return listen(
        settings,
        Sources(
            incidents=desk.incidents,
            unreadable=lambda: len(desk.unreadable),
            watches=feed.progress,
            dropped=intake.dropped.items,
            ssh_failures=nodes.failures.items,
            ready=_ready(feed, slack),
            sweeps_begun_at=lambda: sweeps.memory.begun_at,
            last_sweep=lambda: sweeps.memory.last,
            halted=lambda: brake.halt is not None,
            defects=lambda: DEFECTS.met,
            monotonic=time.monotonic,
        ),
    )


def _ready(feed: Feed, slack: Slack | None) -> dict[str, Callable[[], str | None]]:
    if slack is None:
        return {"watch": feed.deaf}
    cards, socket = slack
    return {"watch": feed.deaf, "slack": lambda: socket.health.down() or cards.health.down()}

"""The bot's own way from a watch line to its intake. `python -m tests.bench.events.by_bot KUBECONFIG COUNT`.

Real are connection, watches, cache, rules, classification, join and intake, put together as `bot/app` does it.
What comes after intake (incidents, facts, cards) is another part's time: a desk that only counts is in its place.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import cast

from bot.adapters.clock import SystemClock
from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.feed import Feed
from bot.adapters.kube.watch import Bounds
from bot.adapters.rules_files import load_rules
from bot.adapters.telemetry import configure_logs
from bot.core.kata import JoinPolicy
from bot.core.model import IncidentId, Sighting, Target
from bot.core.objects import Event, Observed
from bot.core.settings import Kata, Kubernetes, Limits, Nodes
from bot.engine.desk import Desk
from bot.engine.intake import Intake
from tests.bench.events.heard import Heard, tell


class CountingDesk:
    def __init__(self) -> None:
        self.sighted = 0

    def sight(self, target: Target, sighting: Sighting) -> IncidentId:
        self.sighted += 1
        return IncidentId(target.name)


async def listen(kubeconfig: Path, count: int) -> Heard:
    kubernetes, nodes = Kubernetes(kubeconfig=kubeconfig), Nodes()
    desk, enough, heard, ended_at = CountingDesk(), asyncio.Event(), 0, 0.0
    async with connect(kubernetes) as connection:
        api = ApiClient(connection, timeout_s=kubernetes.request_timeout_s)
        feed = Feed(api, kubernetes.ims_namespaces, nodes.name_pattern, Bounds(kubernetes.watch_timeout_s))
        intake = Intake(
            rules=load_rules(None),
            world=feed.world,
            policy=JoinPolicy.of(kubernetes, nodes, Kata()),
            desk=cast("Desk", desk),
            clock=SystemClock(),
            limits=Limits(),
        )

        def hear(observed: Observed) -> None:
            nonlocal heard, ended_at
            intake.hear(observed)
            if isinstance(observed.object, Event):
                heard += 1
                if heard == count:
                    ended_at = time.monotonic()
                    enough.set()

        task = asyncio.create_task(feed.run(hear))
        await enough.wait()
        task.cancel()
        await asyncio.wait({task})
    return Heard(heard=heard, matched=desk.sighted, ended_at=ended_at)


if __name__ == "__main__":
    configure_logs()
    tell(asyncio.run(listen(Path(sys.argv[1]), int(sys.argv[2]))))

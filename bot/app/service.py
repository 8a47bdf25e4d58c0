"""The service: builds the parts, plugs adapters into the engine, and owns signals and the end.

Flat on purpose, one builder per part. Nothing is decided here. Watch, cards and clicks are kept running beside the
workers of the desk: a crash of one of them never cancels a repair (design.md invariant 5).
"""

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from functools import partial

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.adapters import control
from bot.adapters.journal_sqlite import SqliteJournal
from bot.adapters.kube.feed import Feed
from bot.adapters.kube.lease import KubeLeases
from bot.adapters.kube.pause_key import ConfigMapKey
from bot.adapters.kube.watch import Bounds
from bot.adapters.silent import SilentCards
from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from bot.adapters.slack.socket import SlackSocket
from bot.app.doors import answer_click, answer_command, answer_pick
from bot.app.outlook import Slack, open_outlook
from bot.app.reach import Reach, reach
from bot.app.timers import build_timers, fires_after
from bot.config import SlackTokens
from bot.core.kata import JoinPolicy
from bot.core.settings import Settings
from bot.engine.approvals import Approvals
from bot.engine.brake import Brake
from bot.engine.commands import Commands
from bot.engine.desk import Desk
from bot.engine.fleet import Fleet
from bot.engine.intake import Intake
from bot.engine.parts import Parts
from bot.engine.ports import Cards
from bot.engine.sweeps import Sweeps
from bot.engine.telling import CardsWithHalt
from bot.engine.upkeep import keep

log = structlog.get_logger(__name__)


async def serve(settings: Settings, tokens: SlackTokens | None) -> None:
    """Run until SIGTERM or SIGINT. Raises JournalError, InputError."""
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(SqliteJournal(settings.journal))
        world_access = await stack.enter_async_context(reach(settings))
        api = await _slack_api(settings, tokens, stack)
        cards = SlackCards(api, settings.slack) if api is not None else SilentCards()
        feed = _feed(world_access)
        brake = Brake(journal, _pause_key(world_access), world_access.clock, settings.pause.read_s)
        await brake.recall()
        parts = _parts(world_access, journal, CardsWithHalt(cards, brake), feed, brake)
        desk = Desk(parts)
        sweeps = Sweeps(parts, world_access.surveyor, desk)
        approvals = Approvals(desk, brake, settings.slack)
        commands = Commands(desk, approvals, feed.world)
        intake = _intake(world_access, feed, desk)
        answer = partial(answer_command, commands, brake, sweeps)
        await stack.enter_async_context(control.listen(settings.journal, answer))
        await desk.resume()
        await sweeps.resume(fires_after(settings.sweep))
        keeps = partial(keep, clock=world_access.clock)
        slack: Slack | None = None
        if api is not None and tokens is not None and isinstance(cards, SlackCards):
            slack = cards, _socket(api, tokens, settings, approvals, commands, cards)
        outlook = open_outlook(settings.http, desk, intake, feed, world_access.nodes, sweeps, brake, slack)
        await stack.enter_async_context(outlook)
        background = [desk.run(), keeps("watch", partial(feed.run, intake.hear)), keeps("pause", brake.run)]
        background.append(keeps("sweeps", sweeps.run))
        background += [keeps("cards", slack[0].run), keeps("clicks", slack[1].run)] if slack is not None else []
        log.info("started", journal=str(settings.journal), rules=len(world_access.rules.rules))
        try:
            await _until_signal(background, build_timers(intake, feed, sweeps, settings.sweep))
        finally:
            await desk.stop(settings.sigterm_grace_s)
            if isinstance(cards, SlackCards):
                with suppress(TimeoutError):
                    await asyncio.wait_for(cards.flush(), settings.sigterm_grace_s)
            log.info("stopped")


async def _slack_api(settings: Settings, tokens: SlackTokens | None, stack: AsyncExitStack) -> SlackApi | None:
    if tokens is None:
        return None
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return SlackApi(tokens.bot.get_secret_value(), settings.slack.api_url, session)


def _socket(
    api: SlackApi,
    tokens: SlackTokens,
    settings: Settings,
    approvals: Approvals,
    commands: Commands,
    cards: SlackCards,
) -> SlackSocket:
    return SlackSocket(
        api,
        tokens.app.get_secret_value(),
        settings.slack,
        partial(answer_click, approvals),
        partial(answer_pick, commands),
        cards.is_card,
    )


def _feed(r: Reach) -> Feed:
    kubernetes = r.settings.kubernetes
    bounds = Bounds(timeout_s=kubernetes.watch_timeout_s)
    return Feed(r.api, kubernetes.ims_namespaces, r.settings.nodes.name_pattern, bounds)


def _pause_key(r: Reach) -> ConfigMapKey | None:
    name = r.settings.pause.configmap
    return None if name is None else ConfigMapKey(r.api, r.settings.kubernetes.lease_namespace, name)


def _parts(r: Reach, journal: SqliteJournal, cards: Cards, feed: Feed, brake: Brake) -> Parts:
    leases = KubeLeases(
        r.api,
        namespace=r.settings.kubernetes.lease_namespace,
        holder=journal.id,
        times=r.settings.lease,
        clock=r.clock,
    )
    return Parts(
        settings=r.settings,
        rules=r.rules,
        journal=journal,
        cluster=r.cluster,
        records=r.records,
        nodes=r.nodes,
        leases=leases,
        cards=cards,
        world=feed.world,
        clock=r.clock,
        looker=r.looker,
        fleet=Fleet(r.settings.limits.concurrent_repairs),
        brake=brake,
    )


def _intake(r: Reach, feed: Feed, desk: Desk) -> Intake:
    return Intake(
        rules=r.rules,
        world=feed.world,
        policy=JoinPolicy.of(r.settings.kubernetes, r.settings.nodes, r.settings.kata),
        desk=desk,
        clock=r.clock,
        limits=r.settings.limits,
    )


async def _until_signal(background: list, timers: AsyncIOScheduler) -> None:  # type: ignore[type-arg]
    """Returns on a signal; raises what a background task raised: the desk's JournalError."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.ensure_future(coroutine) for coroutine in background]
    stopped = asyncio.ensure_future(stop.wait())
    timers.start()
    try:
        done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        timers.shutdown(wait=False)
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)

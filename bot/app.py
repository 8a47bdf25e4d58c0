"""The composition root: builds the parts, plugs adapters into the engine, and owns signals and the end.

Flat on purpose, one builder per part. Nothing is decided here. Watch, cards and clicks are kept running beside the
workers of the desk: a crash of one of them never cancels a repair (design.md invariant 5).
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.adapters import control
from bot.adapters.clock import SystemClock
from bot.adapters.journal_sqlite import SqliteJournal
from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.cluster import KubeCluster
from bot.adapters.kube.connect import connect
from bot.adapters.kube.feed import Feed
from bot.adapters.kube.lease import KubeLeases
from bot.adapters.kube.resources import NODES
from bot.adapters.kube.watch import Bounds
from bot.adapters.rules_files import load_rules
from bot.adapters.silent import SilentCards
from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from bot.adapters.slack.socket import SlackSocket
from bot.adapters.ssh.nodes import SshNodes
from bot.config import SlackTokens
from bot.core.errors import UnreachableError
from bot.core.kata import JoinPolicy
from bot.core.model import Actor, Digest, IncidentId, NodeRef
from bot.core.objects import Node
from bot.core.rules import RuleSet
from bot.core.settings import Settings
from bot.engine.approvals import Answer, Approvals, Reply
from bot.engine.commands import Commands
from bot.engine.desk import Desk
from bot.engine.fleet import Fleet
from bot.engine.intake import Intake
from bot.engine.look import Looker
from bot.engine.parts import Parts
from bot.engine.ports import Cards
from bot.engine.upkeep import keep
from bot.views.card import ButtonValue

log = structlog.get_logger(__name__)

TICK_S = 1
DEAF_S = 60
"""How often a watch that hears nothing is complained of."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Read access to the world: enough for `imsbot plan` and `imsbot check`, and a part of the service."""

    settings: Settings
    rules: RuleSet
    api: ApiClient
    cluster: KubeCluster
    nodes: SshNodes
    looker: Looker
    clock: SystemClock

    async def workers(self) -> list[Node]:
        """Every Node that `nodes.name_pattern` allows, read live."""
        allowed = re.compile(self.settings.nodes.name_pattern)
        return [node for node in await self.api.list_all(NODES) if allowed.search(node.metadata.name)]

    async def find_worker(self, name: str) -> Node | None:
        return next((node for node in await self.workers() if node.metadata.name == name), None)


@asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[Reach]:
    """Raises InputError for rules, kubeconfig or keys that cannot be used; connects to nothing yet."""
    rules = load_rules(settings.rules_dir)
    clock = SystemClock()
    async with connect(settings.kubernetes) as connection:
        api = ApiClient(connection, timeout_s=settings.kubernetes.request_timeout_s)
        cluster = KubeCluster(api, settings.nodes.name_pattern)
        nodes = SshNodes(settings.ssh, partial(_internal_ip, api))
        looker = Looker(settings=settings, rules=rules, cluster=cluster, nodes=nodes, clock=clock)
        yield Reach(settings, rules, api, cluster, nodes, looker, clock)


async def _internal_ip(api: ApiClient, ref: NodeRef) -> str:
    """Where a node listens. Raises UnreachableError when its object names no address or is another node's."""
    node = await api.get(NODES, ref.name)
    if node.metadata.uid != ref.uid or node.internal_ip is None:
        raise UnreachableError(f"the Node {ref.name} names no InternalIP, or is another one now")
    return node.internal_ip


async def serve(settings: Settings, tokens: SlackTokens | None) -> None:
    """Run until SIGTERM or SIGINT. Raises JournalError, InputError."""
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(SqliteJournal(settings.journal))
        world_access = await stack.enter_async_context(reach(settings))
        api = await _slack_api(settings, tokens, stack)
        cards = SlackCards(api, settings.slack) if api is not None else SilentCards()
        feed = _feed(world_access)
        desk = Desk(_parts(world_access, journal, cards, feed))
        approvals = Approvals(desk, settings.slack)
        commands = Commands(desk, approvals, feed.world)
        intake = _intake(world_access, feed, desk)
        await stack.enter_async_context(control.listen(settings.journal, partial(_command, commands)))
        await desk.resume()
        keeps = partial(keep, clock=world_access.clock)
        background = [desk.run(), keeps("watch", partial(feed.run, intake.hear))]
        if api is not None and tokens is not None and isinstance(cards, SlackCards):
            socket = SlackSocket(
                api, tokens.app.get_secret_value(), settings.slack, partial(_answer, approvals), cards.is_card
            )
            background += [keeps("cards", cards.run), keeps("clicks", socket.run)]
        log.info("started", journal=str(settings.journal), rules=len(world_access.rules.rules))
        try:
            await _until_signal(background, _timers(intake, feed))
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


def _feed(r: Reach) -> Feed:
    kubernetes = r.settings.kubernetes
    bounds = Bounds(timeout_s=kubernetes.watch_timeout_s)
    return Feed(r.api, kubernetes.ims_namespaces, r.settings.nodes.name_pattern, bounds)


def _parts(r: Reach, journal: SqliteJournal, cards: Cards, feed: Feed) -> Parts:
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
        nodes=r.nodes,
        leases=leases,
        cards=cards,
        world=feed.world,
        clock=r.clock,
        looker=r.looker,
        fleet=Fleet(r.settings.limits.concurrent_repairs),
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


def _timers(intake: Intake, feed: Feed) -> AsyncIOScheduler:
    """Jobs only enqueue or look into memory: a shutdown cancels whatever else they would do (library-facts.md)."""

    async def tick() -> None:  # a plain function would run in a thread, where nothing of the engine may be touched
        intake.tick()

    async def listen() -> None:
        if (why := feed.deaf()) is not None:
            log.error("deaf", why=why)

    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 60})
    scheduler.add_job(tick, "interval", seconds=TICK_S)
    scheduler.add_job(listen, "interval", seconds=DEAF_S)
    return scheduler


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


def _answer(approvals: Approvals, button: ButtonValue, approve: bool, actor: Actor) -> tuple[bool, str]:
    answer = Answer(IncidentId(button.incident), Digest(button.digest), approve, actor)
    reply, sentence = approvals.answer(answer)
    return reply is Reply.ACCEPTED, sentence


def _command(commands: Commands, request: control.Request, peer: control.Peer) -> control.Response:
    actor = Actor(via="cli", user=peer.name, evidence=f"pid={peer.pid} uid={peer.uid}")
    match request.command:
        case "approve" | "deny":
            approve = request.command == "approve"
            result = commands.answer(request.subject, request.digest, approve, actor)
        case "repair":
            result = commands.repair(request.subject, actor)
        case "release":
            result = commands.release(request.subject, actor)
        case "abort":
            result = commands.abort(request.subject, actor)
        case _:
            return control.Response(ok=False, text=f"unknown command {request.command!r}")
    ok, text, incident = result
    return control.Response(ok=ok, text=text, incident=incident)

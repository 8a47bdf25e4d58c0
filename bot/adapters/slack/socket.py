"""Clicks from Slack over Socket Mode: decided at once, acknowledged at once, answered afterwards.

Slack does not deliver an interactive payload twice (python-slack-sdk#1940), so nothing slow may stand before the
decision. A payload is believed only where it names the very card that we posted; who may answer is the engine's
decision. That it is our app's and nobody else's follows from the socket itself, which our app token opened.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import msgspec
import structlog
from msgspec import Struct
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.health import Health
from bot.adapters.slack.people import People
from bot.core.errors import UNDECODABLE, BotError, TemporaryError, UnreachableError
from bot.core.model import Actor, CardRef
from bot.core.settings import Slack
from bot.views.card import APPROVE, DENY, ButtonValue
from bot.views.digest_card import PICK, PickValue

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 5.0
RETRY_S = 15.0

OnAnswer = Callable[[ButtonValue, bool, Actor], tuple[bool, str]]
"""(button, approve, who) -> (taken, a sentence for the person). Must not await."""

OnPick = Callable[[PickValue, Actor], tuple[bool, str]]
"""The same, for a row of a digest card."""

IsCard = Callable[[str, CardRef], bool]
"""Whether a message is the card of that incident or group."""


class _Named(Struct, frozen=True):
    id: str = ""


class _Person(Struct, frozen=True):
    id: str = ""
    team_id: str = ""


class _Container(Struct, frozen=True):
    message_ts: str = ""
    channel_id: str = ""


class _Pressed(Struct, frozen=True):
    action_id: str = ""
    value: str = ""
    action_ts: str = ""


class Click(Struct, frozen=True):
    """The parts of a block_actions payload that we look at."""

    type: str = ""
    team: _Named | None = None
    user: _Person = _Person()
    container: _Container = _Container()
    actions: tuple[_Pressed, ...] = ()


class SlackSocket:
    def __init__(
        self,
        api: SlackApi,
        app_token: str,
        settings: Slack,
        on_answer: OnAnswer,
        on_pick: OnPick,
        is_card: IsCard,
        *,
        stuck_s: float = 60.0,
        retry_s: float = RETRY_S,
    ) -> None:
        """After `stuck_s` without a working session the SDK's client is thrown away for a new one."""
        self._api = api
        self._app_token = app_token
        self._on_answer = on_answer
        self._on_pick = on_pick
        self._is_card = is_card
        self._people = People(api, settings.approvers)
        self._stuck_s = stuck_s
        self._retry_s = retry_s
        self._replies: set[asyncio.Task[None]] = set()
        self._client: SocketModeClient | None = None
        self.health = Health("no socket was opened yet")

    async def run(self) -> None:
        """Connected or trying to, until cancelled. Without Slack the service goes on: the terminal answers too."""
        while True:
            try:
                async with self.listen() as client:
                    await self._until_stuck(client)
            except BotError as error:
                self.health.fails(str(error))
                log.error("no Slack socket", error=str(error))
                asked_s = error.retry_after_s if isinstance(error, TemporaryError) else None
                await asyncio.sleep(asked_s or self._retry_s)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[SocketModeClient]:
        """One client of the SDK, which reconnects by itself.

        Raises InputError for a token that Slack refuses, TemporaryError while Slack is down.
        """
        complete = await self._people.look()
        url = await self._api.socket_url(self._app_token)
        client = SocketModeClient(self._app_token, logger=_sdk_log(), web_client=self._api.client)
        client.wss_uri = url
        client.socket_mode_request_listeners.append(self._receive)
        client.message_listeners.append(_note_hello)
        self._client = client
        people = asyncio.create_task(self._people.keep_looking(complete))
        try:
            await _connect(client)
            yield client
        finally:
            people.cancel()
            await _close(client)
            await asyncio.gather(people, *self._replies, return_exceptions=True)

    async def _until_stuck(self, client: SocketModeClient) -> None:
        """The SDK's monitor reconnects, but tries one address for ever: an outage between address and socket
        leaves it at a door that opens once. Raises UnreachableError when no session worked for too long."""
        loop = asyncio.get_running_loop()
        worked_at = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._stuck_s / 4))
            if await client.is_connected() and not _any_done(client):
                worked_at = loop.time()
                self.health.works()
                continue
            self.health.fails("the socket is closed and being opened again")
            if loop.time() - worked_at >= self._stuck_s:
                raise UnreachableError(f"no session worked for {self._stuck_s:g} s; connecting anew")

    async def _receive(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        reply = self._decide(request) if request.type == "interactive" else None
        try:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        except (aiohttp.ClientError, ConnectionError) as error:
            log.warning("click decided but not acknowledged", envelope=request.envelope_id, error=str(error))
        if reply is not None:
            task = asyncio.create_task(self._whisper(*reply))
            self._replies.add(task)
            task.add_done_callback(self._replies.discard)

    def _decide(self, request: SocketModeRequest) -> tuple[Click, str] | None:
        """What the person is told, if anything. No await from here to the decision."""
        try:
            click = msgspec.convert(request.payload, Click)
        except UNDECODABLE as error:
            log.warning("click not understood", envelope=request.envelope_id, error=str(error))
            return None
        pressed = click.actions[0] if len(click.actions) == 1 else _Pressed()
        if click.type != "block_actions" or pressed.action_id not in {APPROVE, DENY, PICK}:
            return None
        taken, sentence = self._judge(click, pressed, request.envelope_id)
        log.info("click", user=click.user.id, action=pressed.action_id, taken=taken, said=sentence)
        return None if taken else (click, sentence)

    def _judge(self, click: Click, pressed: _Pressed, envelope: str) -> tuple[bool, str]:
        kind: type[ButtonValue | PickValue] = PickValue if pressed.action_id == PICK else ButtonValue
        try:
            button = msgspec.json.decode(pressed.value, type=kind)
        except UNDECODABLE:
            return False, "This button is not one of this bot's. Nothing happened."
        here = CardRef(click.container.channel_id, click.container.message_ts)
        if not self._is_card(button.digest if isinstance(button, PickValue) else button.incident, here):
            return False, "This is not the card of that incident. Nothing happened."
        if objection := self._people.objection(click.user.id):
            return False, objection
        team = click.user.team_id or (click.team.id if click.team else "")
        evidence = f"action_ts={pressed.action_ts} message_ts={here.ts} envelope={envelope}"
        actor = Actor(via="slack", user=click.user.id, team=team, evidence=evidence)
        if isinstance(button, PickValue):
            return self._on_pick(button, actor)
        return self._on_answer(button, pressed.action_id == APPROVE, actor)

    async def _whisper(self, click: Click, sentence: str) -> None:
        try:
            await self._api.whisper(click.container.channel_id, click.user.id, sentence)
        except BotError as error:
            log.warning("private answer not delivered", user=click.user.id, error=str(error))


async def _connect(client: SocketModeClient) -> None:
    """The SDK itself would try for ever. Raises UnreachableError."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect()  # type: ignore[no-untyped-call]
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        raise UnreachableError(f"Slack's socket cannot be opened: {error or type(error).__name__}") from error


async def _close(client: SocketModeClient) -> None:
    """The SDK cancels its tasks without waiting for them."""
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()  # type: ignore[no-untyped-call]
    await client.aiohttp_client_session.close()
    for task in _tasks(client):
        task.cancel()
    await asyncio.gather(*_tasks(client), return_exceptions=True)


def _tasks(client: SocketModeClient) -> list[asyncio.Future[Any]]:
    tasks = (client.message_receiver, client.message_processor, client.current_session_monitor)
    return [task for task in tasks if task is not None]


def _any_done(client: SocketModeClient) -> bool:
    return any(task.done() for task in _tasks(client))


async def _note_hello(_client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None) -> None:
    """More connections than we run take clicks away from us (python-slack-sdk#1940)."""
    if message.get("type") != "hello":
        return
    count = message.get("num_connections")
    if isinstance(count, int) and count > 1:
        log.warning("others are connected as this app and take clicks away", num_connections=count)
    else:
        log.info("Slack socket open", num_connections=count)


class _OneLine(logging.Handler):
    """What the SDK says, as lines of ours: it logs whole stack traces for every lost connection."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("slack_sdk", said=record.getMessage())


def _sdk_log() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(_OneLine())
    return logger

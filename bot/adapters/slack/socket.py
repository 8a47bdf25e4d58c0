"""Clicks from Slack over Socket Mode: acknowledged at once, decided without an await, answered afterwards.

Slack does not deliver an interactive payload twice (python-slack-sdk#1940), so nothing slow may stand before the
decision. A payload is believed only where it names our workspace, our channel and the card that we posted; who may
answer is the engine's decision.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
from bot.core.errors import BotError, UnreachableError
from bot.core.model import Actor, CardRef, IncidentId
from bot.core.settings import Slack
from bot.views.card import APPROVE, DENY, ButtonValue

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 30.0
PEOPLE_REFRESH_S = 3600.0

OnAnswer = Callable[[ButtonValue, bool, Actor], tuple[bool, str]]
"""(button, approve, who) -> (taken, a sentence for the person). Must not await."""


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
        card_of: Callable[[IncidentId], CardRef | None],
    ) -> None:
        self._api = api
        self._app_token = app_token
        self._settings = settings
        self._on_answer = on_answer
        self._card_of = card_of
        self._objections: dict[str, str] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self._client: SocketModeClient | None = None

    @property
    def connected(self) -> bool:
        client = self._client
        return client is not None and client.current_session is not None and not client.current_session.closed

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[None]:
        """Connected while the context lasts; the SDK reconnects by itself. Raises UnreachableError."""
        client = SocketModeClient(self._app_token, web_client=self._api.client, auto_reconnect_enabled=True)
        client.socket_mode_request_listeners.append(self._receive)
        client.message_listeners.append(_note_hello)
        self._client = client
        people = asyncio.create_task(self._watch_people())
        try:
            await self._connect(client)
            yield
        finally:
            people.cancel()
            await client.close()  # type: ignore[no-untyped-call]
            await asyncio.gather(people, *self._replies, return_exceptions=True)

    async def _connect(self, client: SocketModeClient) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect()  # type: ignore[no-untyped-call]
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(
                f"Slack's Socket Mode cannot be opened: {error or type(error).__name__}"
            ) from error

    async def _receive(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        sent = client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type != "interactive":
            await sent
            return
        try:
            click = msgspec.convert(request.payload, Click)
        except msgspec.ValidationError as error:
            log.warning("click not understood", error=str(error))
            await sent
            return
        reply = self._decide(click, request.envelope_id)
        await sent
        if reply is not None:
            task = asyncio.create_task(self._reply(click, reply))
            self._replies.add(task)
            task.add_done_callback(self._replies.discard)

    def _decide(self, click: Click, envelope: str) -> str | None:
        """The sentence for the person, if one is due. No await from here to the decision."""
        pressed = click.actions[0] if len(click.actions) == 1 else _Pressed()
        if click.type != "block_actions" or pressed.action_id not in {APPROVE, DENY}:
            return None
        try:
            button = msgspec.json.decode(pressed.value, type=ButtonValue)
        except msgspec.MsgspecError:
            return "This button is not one of this bot's; nothing happened."
        card = self._card_of(IncidentId(button.incident))
        here = CardRef(click.container.channel_id, click.container.message_ts)
        if card is None or here != card:
            return "This is not the card of that incident; nothing happened."
        if objection := self._objections.get(click.user.id):
            return f"Your account is {objection}, and such accounts may not answer; nothing happened."
        team = click.user.team_id or (click.team.id if click.team else "")
        evidence = f"action_ts={pressed.action_ts} message_ts={here.ts} envelope={envelope}"
        actor = Actor(via="slack", user=click.user.id, team=team, evidence=evidence)
        taken, sentence = self._on_answer(button, pressed.action_id == APPROVE, actor)
        return None if taken else sentence

    async def _reply(self, click: Click, sentence: str) -> None:
        try:
            await self._api.whisper(click.container.channel_id, click.user.id, sentence)
        except BotError as error:
            log.warning("private answer not delivered", user=click.user.id, error=str(error))

    async def _watch_people(self) -> None:
        """Approvers that are guests, strangers, bots or deactivated are refused (what-users-ask.md 1)."""
        while True:
            for approver in self._settings.approvers:
                try:
                    objection = (await self._api.user(approver)).objection
                except BotError as error:
                    log.warning("approver not checked", user=approver, error=str(error))
                    self._objections.setdefault(approver, "not known to Slack at the moment")
                    continue
                if objection is None:
                    self._objections.pop(approver, None)
                else:
                    self._objections[approver] = objection
                    log.error("approver refused", user=approver, objection=objection)
            await asyncio.sleep(PEOPLE_REFRESH_S)


async def _note_hello(_client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None) -> None:
    """More connections than we run take clicks away from us (python-slack-sdk#1940)."""
    if message.get("type") == "hello":
        count = message.get("num_connections")
        level = log.warning if isinstance(count, int) and count > 1 else log.info
        level("Slack socket open", num_connections=count)

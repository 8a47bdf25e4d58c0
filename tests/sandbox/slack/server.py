"""The Slack stand-in as one object: start it, give the bot its address and tokens, look at the channel, click.

It speaks Slack's own protocols on loopback, so what runs against it is the real slack_sdk. It lives in the
process that starts it and keeps its state over every restart of the bot. What it does not do: the Events API,
modals, files, search, attachments, and the whole of Slack's block types (see `blocks`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from aiohttp import web

from tests.sandbox.slack import chat, reading
from tests.sandbox.slack.arguments import Arguments
from tests.sandbox.slack.faults import Faults
from tests.sandbox.slack.interactivity import Interactivity
from tests.sandbox.slack.limits import STANDARD, Limit, RateLimits
from tests.sandbox.slack.model import Button, Channel, ChannelId, Click, Json, Message, Ts, User
from tests.sandbox.slack.page.routes import Page
from tests.sandbox.slack.people import APPROVER, BOT, CHANNELS, PEOPLE, REPAIRS
from tests.sandbox.slack.socketmode import ACK_WITHIN_S, SocketMode
from tests.sandbox.slack.webapi import Method, Token, WebApi
from tests.sandbox.slack.workspace import Workspace

BOT_TOKEN = "xoxb-sandbox-not-a-secret"
APP_TOKEN = "xapp-sandbox-not-a-secret"
BOT_SCOPES = ("chat:write", "channels:history", "channels:read", "users:read")

Seen = TypeVar("Seen")


class SlackServer:
    """A workspace behind a port. Use as `async with SlackServer() as slack:` or by `start` and `stop`.

    `address` is loopback's unless machines of a lab must reach it.
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        people: Iterable[User] = PEOPLE,
        channels: Iterable[Channel] = CHANNELS,
        limits: Mapping[str, Limit] = STANDARD,
        ack_within_s: float = ACK_WITHIN_S,
        seed: int = 0,
    ) -> None:
        self.bot_token, self.app_token = BOT_TOKEN, APP_TOKEN
        self.channel = REPAIRS.id
        self.faults = Faults()
        self.bot_scopes = set(BOT_SCOPES)
        self.workspace = Workspace((*people, BOT), channels)
        self.sockets = SocketMode(self.workspace.changes, ack_within_s=ack_within_s, seed=seed)
        tokens = (Token(BOT_TOKEN, self.bot_scopes), Token(APP_TOKEN, {"connections:write"}))
        self.web_api = WebApi(self._methods(), tokens, RateLimits(limits), self.faults)
        self._interactivity = Interactivity(self.workspace, self.sockets)
        self._address, self._port = address, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen, and return the base URL for slack_sdk's clients. Raises OSError when the port is taken."""
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self.base_url

    async def stop(self) -> None:
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> "SlackServer":
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    @property
    def page_url(self) -> str:
        return f"http://{self._address}:{self._port}/"

    @property
    def base_url(self) -> str:
        return f"{self.page_url}api/"

    @property
    def clicks(self) -> list[Click]:
        """Every press of a button so far, oldest first."""
        return list(self.workspace.clicks.values())

    def messages(self, channel: ChannelId | None = None, *, thread_ts: Ts | None = None) -> list[Message]:
        """What everybody sees in the channel, or the replies of one of its threads; oldest first."""
        channel = channel or self.channel
        if thread_ts is not None:
            return self.workspace.replies(channel, thread_ts)
        return self.workspace.timeline(channel)

    def ephemerals(self, user: User, channel: ChannelId | None = None) -> list[Message]:
        """What only `user` sees, oldest first."""
        return [m for m in self.workspace.everything(channel or self.channel) if m.only_for == user.id]

    async def wait_for(self, look: Callable[["SlackServer"], Seen | None], timeout_s: float) -> Seen:
        """What `look` finds as soon as it finds something. It is asked after every change, never on a timer.

        Raises TimeoutError, with what the channel showed at the end.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    revision = self.workspace.changes.revision
                    if found := look(self):
                        return found
                    await self.workspace.changes.beyond(revision)
        except TimeoutError:
            shown = "\n".join(f"  {m.ts} {m.shown_text()!r}" for m in self.messages()) or "  nothing"
            raise TimeoutError(f"not seen in Slack within {timeout_s} s; the channel shows\n{shown}") from None

    async def click(
        self,
        message_ts: str,
        action_id: str,
        *,
        user: User = APPROVER,
        channel: ChannelId | None = None,
        block_id: str | None = None,
    ) -> Click:
        """Press a button as `user`, of that block where several have it.

        Returns when the app has acknowledged it, or Slack has lost patience.
        Raises LookupError when there is no such message, or no such button on it now.
        """
        message = self.workspace.find(channel or self.channel, Ts(message_ts))
        if message is None:
            raise LookupError(f"no message {message_ts} in {channel or self.channel}")
        return await self._press(message, message.button(action_id, block_id), user)

    def say(self, user: User, text: str, *, thread_ts: Ts | None = None) -> Message:
        """Post as a person, as if typed into the page's composer."""
        return self.workspace.say(self.channel, user, text, thread_ts)

    def begin_outage(self) -> None:
        """Slack is down: sockets are cut, and everything is answered 503 until `end_outage`."""
        self.faults.outage = True
        self.sockets.open_for_business = False
        self.sockets.drop()
        self.workspace.changes.announce()

    def end_outage(self) -> None:
        self.faults.outage = False
        self.sockets.open_for_business = True
        self.workspace.changes.announce()

    async def _press(self, message: Message, button: Button, user: User) -> Click:
        return await self._interactivity.press(self.page_url.rstrip("/"), message, button, user)

    def _methods(self) -> dict[str, Method]:
        def method(run: Callable[[Workspace, Arguments], Json], scope: str | None) -> Method:
            return Method(partial(run, self.workspace), scope)

        return {
            "apps.connections.open": Method(self._open_connection, "connections:write", "xapp-"),
            "auth.test": method(reading.auth_test, None),
            "chat.delete": method(chat.delete, "chat:write"),
            "chat.postEphemeral": method(chat.post_ephemeral, "chat:write"),
            "chat.postMessage": method(chat.post_message, "chat:write"),
            "chat.update": method(chat.update, "chat:write"),
            "conversations.history": method(reading.conversations_history, "channels:history"),
            "conversations.info": method(reading.conversations_info, "channels:read"),
            "conversations.replies": method(reading.conversations_replies, "channels:history"),
            "users.info": method(reading.users_info, "users:read"),
        }

    def _open_connection(self, _arguments: Arguments) -> Json:
        origin = self.page_url.rstrip("/").replace("http", "ws", 1)
        return {"ok": True, "url": self.sockets.issue_ticket(origin)}

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/api/{method}", self.web_api.serve)
        application.router.add_get("/link/", self.sockets.serve)
        application.router.add_post("/actions/{team}/{key}", self._interactivity.serve_response_url)
        Page(self.workspace, self.sockets, self.faults, self.channel, self._press).add_to(application)
        return application

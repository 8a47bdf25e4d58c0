"""The page over HTTP: the page itself, a stream of views, and what a person can do on it.

Only JSON bodies are taken, so that no other site open in the same browser can press a button here by a form.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from html import escape as to_text
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web

from tests.sandbox.slack.faults import Faults
from tests.sandbox.slack.model import Button, ChannelId, Click, Json, Message, Ts, User, UserId
from tests.sandbox.slack.page.reader import Reader
from tests.sandbox.slack.page.view import BOT_AVATAR, Entry, avatar, threads, timeline
from tests.sandbox.slack.people import TEAM_NAME
from tests.sandbox.slack.socketmode import SocketMode
from tests.sandbox.slack.workspace import Workspace

_HERE = Path(__file__).parent
_SETTLE_S = 0.03
"""Changes come in bursts; one view for all of them spares the browser the ones in between."""

Press = Callable[[Message, Button, User], Awaitable[Click]]


class Page:
    """One channel in the browser, seen as whichever person is chosen there."""

    def __init__(
        self, workspace: Workspace, sockets: SocketMode, faults: Faults, channel: ChannelId, press: Press
    ) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._faults = faults
        self._channel = workspace.channels[channel]
        self._press = press

    def add_to(self, application: web.Application) -> None:
        application.router.add_get("/", self._index)
        application.router.add_get("/page/stream", self._stream)
        application.router.add_post("/page/click", self._click)
        application.router.add_post("/page/say", self._say)
        application.router.add_post("/page/dismiss", self._dismiss)
        application.router.add_get("/page/{name:(?:page\\.css|page\\.js)}", self._asset)

    async def _index(self, _request: web.Request) -> web.Response:
        here = [user for user in self._workspace.users.values() if not user.deleted and not user.is_bot]
        html = Template((_HERE / "page.html").read_text()).substitute(
            team=to_text(TEAM_NAME),
            channel=to_text(self._channel.name),
            topic=to_text(self._channel.topic),
            bot_avatar=BOT_AVATAR,
            people="".join(_person(user) for user in here),
        )
        return web.Response(text=html, content_type="text/html")

    async def _asset(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(_HERE / request.match_info["name"])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the whole view at once, then again after every change."""
        reader = Reader(self._user(request.query.get("user", "")), _zone(request), self._workspace)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the reader closed the page or looks as somebody else
            while True:
                revision = self._workspace.changes.revision
                await response.write(f"data: {json.dumps(self._view(reader))}\n\n".encode())
                await self._workspace.changes.beyond(revision)
                await asyncio.sleep(_SETTLE_S)
        return response

    def _view(self, reader: Reader) -> Json:
        return {
            "timeline": [_pair(entry) for entry in timeline(self._channel.id, reader)],
            "threads": {
                parent: [_pair(entry) for entry in entries]
                for parent, entries in threads(self._channel.id, reader).items()
            },
            "connections": self._sockets.connections,
            "outage": self._faults.outage,
        }

    async def _click(self, request: web.Request) -> web.Response:
        body = await _json(request)
        message, user = self._message(body), self._user(str(body.get("user")))
        try:
            button = message.button(str(body.get("action_id")), str(body.get("block_id")))
        except LookupError as missing:
            raise web.HTTPConflict(text=str(missing)) from None
        click = await self._press(message, button, user)
        return web.json_response({"outcome": click.outcome.value})

    async def _say(self, request: web.Request) -> web.Response:
        body = await _json(request)
        user, text, parent = (
            self._user(str(body.get("user"))),
            str(body.get("text", "")).strip(),
            body.get("thread_ts"),
        )
        if not text:
            raise web.HTTPBadRequest(text="nothing to say")
        thread_ts = Ts(str(parent)) if parent else None
        message = self._workspace.say(self._channel.id, user, text, thread_ts)
        return web.json_response({"ts": message.ts})

    async def _dismiss(self, request: web.Request) -> web.Response:
        message = self._message(body := await _json(request))
        if message.only_for != self._user(str(body.get("user"))).id:
            raise web.HTTPForbidden(text="only your own private messages can be dismissed")
        self._workspace.remove(message)
        return web.json_response({})

    def _message(self, body: Json) -> Message:
        message = self._workspace.find(self._channel.id, Ts(str(body.get("ts"))))
        if message is None:
            raise web.HTTPNotFound(text=f"no message {body.get('ts')}")
        return message

    def _user(self, user_id: str) -> User:
        user = self._workspace.user(UserId(user_id))
        if user is None or user.deleted or user.is_bot:
            raise web.HTTPNotFound(text=f"nobody here is called {user_id!r}")
        return user


def _pair(entry: Entry) -> tuple[str, str]:
    return entry.key, entry.html


def _person(user: User) -> str:
    return (
        f'<button type="button" class="person" data-user="{user.id}">{avatar(user)}'
        f"<span><b>{to_text(user.real_name)}</b><small>{to_text(user.role)}</small></span></button>"
    )


def _zone(request: web.Request) -> ZoneInfo:
    """The browser's own zone; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(request.query.get("zone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


async def _json(request: web.Request) -> Json:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON")
    try:
        body = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="not a JSON object")
    return body

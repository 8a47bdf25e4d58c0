"""A person presses a button: the `block_actions` payload, and the `response_url` by which the app may answer.

Not decided here: who may press. Slack lets every member of a channel press every button; refusing is the app's
job.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiohttp import web

from tests.sandbox.slack.arguments import ApiError, Arguments, read_arguments
from tests.sandbox.slack.chat import checked_blocks
from tests.sandbox.slack.escaping import stored_mrkdwn
from tests.sandbox.slack.model import Button, Click, Json, Message, User
from tests.sandbox.slack.people import APP_ID, BOT, TEAM_DOMAIN, TEAM_ID
from tests.sandbox.slack.socketmode import SocketMode
from tests.sandbox.slack.wire import message_json
from tests.sandbox.slack.workspace import Workspace

RESPONSE_URL_USES = 5
RESPONSE_URL_LIVES_S = 30 * 60


@dataclass(slots=True)
class _ResponseUrl:
    message: Message
    user: User
    dies_at: float
    uses_left: int = RESPONSE_URL_USES


class Interactivity:
    """Turns presses into envelopes, and answers on response URLs into messages."""

    def __init__(
        self, workspace: Workspace, sockets: SocketMode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._clock = clock
        self._response_urls: dict[str, _ResponseUrl] = {}

    async def press(self, origin: str, message: Message, button: Button, user: User) -> Click:
        """Press as `user` and wait until the app has acknowledged or Slack has lost patience."""
        click = self._workspace.record(
            Click(
                envelope_id=str(uuid.uuid4()),
                user=user.id,
                channel=message.channel,
                message_ts=message.ts,
                block_id=button.block_id,
                action_id=button.action_id,
                value=button.value,
                card_edits=message.edits,
            )
        )
        payload = self._payload(self._response_url(origin, message, user), message, button, user)
        delivery = await self._sockets.deliver(click.envelope_id, payload)
        return self._workspace.record(replace(click, outcome=delivery.outcome, ack_after_s=delivery.ack_after_s))

    async def serve_response_url(self, request: web.Request) -> web.Response:
        """The app answers: privately by default, to everybody, or in place of the message that was clicked."""
        url = self._response_urls.get(request.match_info["key"])
        if url is None or self._clock() > url.dies_at:
            return web.Response(status=404, text="expired_url")
        if url.uses_left == 0:
            return web.Response(status=404, text="used_url")
        try:
            self._answer(url, await read_arguments(request))
        except ApiError as refusal:
            return web.Response(status=400, text=refusal.body["error"])
        url.uses_left -= 1
        return web.Response(text="ok")

    def _response_url(self, origin: str, message: Message, user: User) -> str:
        key = uuid.uuid4().hex
        self._response_urls[key] = _ResponseUrl(message, user, self._clock() + RESPONSE_URL_LIVES_S)
        return f"{origin}/actions/{TEAM_ID}/{key}"

    def _answer(self, url: _ResponseUrl, arguments: Arguments) -> None:
        original = self._workspace.find(url.message.channel, url.message.ts)
        if arguments.flag("delete_original") and original:
            self._workspace.remove(original)
            return
        text = stored_mrkdwn(arguments.text("text"))
        raw = arguments.structure("blocks", "invalid_blocks_format")
        blocks = checked_blocks(self._workspace, raw) if raw else ()
        if not text and not blocks:
            raise ApiError("no_text")
        if arguments.flag("replace_original") and original:
            self._workspace.edit(original, text, blocks, original.metadata, mark=False)
            return
        everybody = arguments.text("response_type") == "in_channel"
        self._workspace.add(
            Message(
                channel=url.message.channel,
                ts=self._workspace.next_ts(),
                user=BOT.id,
                text=text,
                blocks=blocks,
                thread_ts=url.message.thread_ts,
                only_for=None if everybody else url.user.id,
            )
        )

    def _payload(self, response_url: str, message: Message, button: Button, user: User) -> Json:
        channel = self._workspace.channels[message.channel]
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": message.only_for is not None,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        return {
            "type": "block_actions",
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
            "api_app_id": APP_ID,
            "token": "legacy-verification-token",
            "container": container,
            "trigger_id": f"{uuid.uuid4().int % 10**13}.{TEAM_ID}.{uuid.uuid4().hex}",
            "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel.id, "name": channel.name},
            "message": message_json(self._workspace, message),
            "state": {"values": {}},
            "response_url": response_url,
            "actions": [self._action(button)],
        }

    def _action(self, button: Button) -> Json:
        sent: Json = {key: button.element[key] for key in ("text", "value", "style") if key in button.element}
        return {
            "type": "button",
            "action_id": button.action_id,
            "block_id": button.block_id,
            **sent,
            "action_ts": self._workspace.next_ts(),
        }

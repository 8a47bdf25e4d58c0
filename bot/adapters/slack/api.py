"""The few Web API calls that we make, each with a bound, its errors translated once.

Nothing is repeated here, neither by the SDK nor by us: the SDK's own handler sends a post again after a lost
connection, and a lost reply does not tell whether the message exists. Whoever posts looks for it first; whoever is
limited (429) waits as long as Slack asks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import BotError, InputError, PermanentError, TemporaryError, UnreachableError
from bot.core.model import CardRef

CALL_TIMEOUT_S = 30.0
METADATA_TYPE = "imsbot_incident"
PAGE = 200
MOST_PAGES = 10
CLOCK_SKEW_S = 900
"""Slack stamps messages by its own clock; a card is looked for from this long before its incident began."""

_WRONG_SETUP = {
    "invalid_auth": "the token is not valid; take the bot token (xoxb-…) of the installed app",
    "not_authed": "no token was sent",
    "not_allowed_token_type": "the token is of the other kind: xapp-… opens the socket, xoxb-… does the rest",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the token was revoked",
    "missing_scope": "the app lacks a scope; deploy/slack-app-manifest.yaml has all of them",
    "channel_not_found": "slack.channel is not the id of a channel that the bot can see",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "the channel is archived",
    "user_not_found": "slack.approvers names somebody who is not in this workspace",
}
_GONE = {"message_not_found", "cant_update_message", "thread_not_found"}
_REFUSED_CARD = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"}
_TROUBLE = {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_LIMITED = {"ratelimited", "rate_limited"}


Page = Callable[[str | None], Awaitable[Any]]
"""From a cursor to the call for the page behind it."""


class PostLostError(UnreachableError):
    """The reply to a post was lost: the message may exist."""


class GoneError(PermanentError):
    """The message that was to be edited or answered is not there any more."""


class RefusedCardError(PermanentError):
    """Slack does not take these blocks."""


class User(Struct, frozen=True):
    """What users.info says that matters for an approver."""

    id: str
    team_id: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False

    @property
    def objection(self) -> str | None:
        """Why this account must not answer, if so."""
        objections = {
            "deactivated": self.deleted,
            "a bot": self.is_bot,
            "a guest": self.is_restricted or self.is_ultra_restricted,
            "from another organisation": self.is_stranger,
        }
        return next((text for text, true in objections.items() if true), None)


class SlackApi:
    def __init__(self, token: str, base_url: str, session: aiohttp.ClientSession) -> None:
        self.client = AsyncWebClient(
            token, base_url=base_url, timeout=int(CALL_TIMEOUT_S), session=session, retry_handlers=[]
        )

    async def team(self) -> str:
        """Team id of the token. Raises InputError for a token or app that is not set up."""
        return str((await self._call("auth.test", self.client.auth_test()))["team_id"])

    async def socket_url(self, app_token: str) -> str:
        """A fresh address for one Socket Mode connection; it is good for one try."""
        call = self.client.apps_connections_open(app_token=app_token)
        return str((await self._call("apps.connections.open", call))["url"])

    async def post(
        self,
        channel: str,
        text: str,
        *,
        subject: str,
        key: str,
        blocks: Sequence[Mapping[str, Any]] | None = None,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> str:
        """The message's ts; `subject` and `key` become its metadata.

        Raises PostLostError when it is not known whether the message exists.
        """
        call = self.client.chat_postMessage(
            channel=channel,
            text=text,
            blocks=blocks,  # type: ignore[arg-type]  # the SDK names its own block classes only
            thread_ts=thread_ts,
            reply_broadcast=broadcast or None,
            metadata={"event_type": METADATA_TYPE, "event_payload": {"subject": subject, "key": key}},
            unfurl_links=False,
            unfurl_media=False,
        )
        return str((await self._call("chat.postMessage", call))["ts"])

    async def update(self, ref: CardRef, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Raises GoneError when somebody deleted the message."""
        call = self.client.chat_update(channel=ref.channel, ts=ref.ts, text=text, blocks=blocks)  # type: ignore[arg-type]
        await self._call("chat.update", call)

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """A message that only `user` sees."""
        await self._call(
            "chat.postEphemeral", self.client.chat_postEphemeral(channel=channel, user=user, text=text)
        )

    async def user(self, user: str) -> User:
        answer = await self._call("users.info", self.client.users_info(user=user))
        return msgspec.convert(answer["user"], User)

    async def find(self, channel: str, subject: str, key: str, since: datetime) -> str | None:
        """The ts of our message with this metadata, among those that are not older than `since`."""
        oldest = f"{since.timestamp() - CLOCK_SKEW_S:.6f}"

        def page(cursor: str | None) -> Awaitable[Any]:
            return self.client.conversations_history(
                channel=channel, oldest=oldest, limit=PAGE, cursor=cursor, include_all_metadata=True
            )

        async for message in self._pages("conversations.history", page):
            if _key_of(message, subject) == key:
                return str(message["ts"])
        return None

    async def thread_keys(self, ref: CardRef, subject: str) -> set[str]:
        """Keys of our posts in the card's thread. Raises GoneError when the card is not there any more."""

        def page(cursor: str | None) -> Awaitable[Any]:
            return self.client.conversations_replies(
                channel=ref.channel, ts=ref.ts, limit=PAGE, cursor=cursor, include_all_metadata=True
            )

        keys = {_key_of(message, subject) async for message in self._pages("conversations.replies", page)}
        return {key for key in keys if key is not None}

    async def _pages(self, method: str, page: Page) -> AsyncIterator[Mapping[str, Any]]:
        """Messages of a bounded number of pages."""
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            answer = await self._call(method, page(cursor))
            for message in answer["messages"]:
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return

    async def _call(self, method: str, call: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return (await call).data
        except SlackApiError as error:
            raise _translated(method, error) from error
        except (SlackClientError, aiohttp.ClientError, OSError) as error:
            raise _lost(method)(f"Slack did not answer {method}: {error or type(error).__name__}") from error


def _key_of(message: Mapping[str, Any], subject: str) -> str | None:
    """The key of a message of ours about `subject`."""
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    ours = metadata.get("event_type") == METADATA_TYPE and payload.get("subject") == subject
    return str(payload.get("key", "")) if ours else None


def _lost(method: str) -> type[UnreachableError]:
    return PostLostError if method == "chat.postMessage" else UnreachableError


def _translated(method: str, error: SlackApiError) -> BotError:
    """`error.response` is the SDK's response, or aiohttp's own where the body was no JSON."""
    response = error.response
    body = response.data if isinstance(getattr(response, "data", None), dict) else {}
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    code = str(body.get("error", ""))
    if status == 429 or code in _LIMITED:
        seconds = float(response.headers.get("Retry-After", 30))
        return TemporaryError(f"Slack limits {method} for {seconds:g} s", retry_after_s=seconds)
    if status >= 500 or code in _TROUBLE or not code:
        return _lost(method)(f"Slack answered {method} with {code or 'no JSON'} (HTTP {status})")
    if code in _WRONG_SETUP:
        needed = f" {body['needed']}" if code == "missing_scope" and "needed" in body else ""
        return InputError(f"Slack refuses {method} ({code}{needed}): {_WRONG_SETUP[code]}")
    kind = GoneError if code in _GONE else RefusedCardError if code in _REFUSED_CARD else PermanentError
    details = (body.get("response_metadata") or {}).get("messages")
    return kind(f"Slack refuses {method}: {code}{f' ({details})' if details else ''}")

"""The few Web API calls that we make, each with a bound, its errors translated once.

429 is waited for as long as Slack asks (`Retry-After`). A post is never repeated blindly: a lost reply does not
tell whether the message exists, so the caller looks for it by its metadata first.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import InputError, PermanentError, TemporaryError, UnreachableError
from bot.core.model import CardRef

CALL_TIMEOUT_S = 30.0
METADATA_TYPE = "imsbot_incident"
HISTORY_PAGE = 200
HISTORY_PAGES = 5
"""A card that was lost between posting and journaling is among the newest thousand messages."""

_WRONG_SETUP = {
    "invalid_auth": "the token is not valid; take the bot token (xoxb-…) of the installed app",
    "not_authed": "no token was sent",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the token was revoked",
    "missing_scope": "the app lacks a scope; deploy/slack-app-manifest.yaml has all of them",
    "channel_not_found": "slack.channel is not the id of a channel that the bot can see",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "the channel is archived",
}


class PostLostError(UnreachableError):
    """The reply to a post was lost: the message may exist."""


class Found(Struct, frozen=True):
    ts: str
    key: str


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
            token,
            base_url=base_url,
            timeout=int(CALL_TIMEOUT_S),
            session=session,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=3)],
        )

    async def team(self) -> str:
        """Team id of the token. Raises InputError for a token or app that is not set up."""
        return str((await self._call("auth.test", self.client.auth_test()))["team_id"])

    async def post(
        self,
        channel: str,
        text: str,
        *,
        key: str,
        incident: str,
        blocks: Sequence[Mapping[str, Any]] | None = None,
        thread_ts: str | None = None,
    ) -> str:
        """The message's ts; `key` and `incident` become its metadata.

        Raises PostLostError when it is not known whether the message exists.
        """
        metadata = {"event_type": METADATA_TYPE, "event_payload": {"incident": incident, "key": key}}
        call = self.client.chat_postMessage(
            channel=channel,
            text=text,
            blocks=blocks,  # type: ignore[arg-type]  # the SDK names its own block classes only
            thread_ts=thread_ts,
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str((await self._call("chat.postMessage", call, posts=True))["ts"])

    async def update(self, ref: CardRef, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        call = self.client.chat_update(channel=ref.channel, ts=ref.ts, text=text, blocks=blocks)  # type: ignore[arg-type]
        await self._call("chat.update", call)

    async def whisper(self, channel: str, user: str, text: str, thread_ts: str | None = None) -> None:
        """A message that only `user` sees."""
        call = self.client.chat_postEphemeral(channel=channel, user=user, text=text, thread_ts=thread_ts)
        await self._call("chat.postEphemeral", call)

    async def user(self, user: str) -> User:
        answer = await self._call("users.info", self.client.users_info(user=user))
        return msgspec.convert(answer["user"], User)

    async def find(self, channel: str, incident: str, key: str) -> str | None:
        """The ts of our message with this metadata, among the channel's newest."""
        cursor = ""
        for _ in range(HISTORY_PAGES):
            call = self.client.conversations_history(
                channel=channel, limit=HISTORY_PAGE, cursor=cursor or None, include_all_metadata=True
            )
            page = await self._call("conversations.history", call)
            for found in _ours(page["messages"], incident):
                if found.key == key:
                    return found.ts
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        return None

    async def thread_keys(self, ref: CardRef, incident: str) -> set[str]:
        """Keys of our posts in the card's thread."""
        call = self.client.conversations_replies(
            channel=ref.channel, ts=ref.ts, limit=HISTORY_PAGE, include_all_metadata=True
        )
        return {
            found.key for found in _ours((await self._call("conversations.replies", call))["messages"], incident)
        }

    async def _call(self, method: str, call: Awaitable[Any], *, posts: bool = False) -> Any:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S * 2):
                return (await call).data
        except SlackApiError as error:
            raise _translated(method, error) from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            lost = PostLostError if posts else UnreachableError
            raise lost(f"Slack did not answer {method}: {type(error).__name__}") from error


def _ours(messages: Sequence[Mapping[str, Any]], incident: str) -> list[Found]:
    found = []
    for message in messages:
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == METADATA_TYPE and payload.get("incident") == incident:
            found.append(Found(ts=str(message["ts"]), key=str(payload.get("key", ""))))
    return found


def _translated(method: str, error: SlackApiError) -> Exception:
    response = error.response
    status = int(getattr(response, "status_code", 0) or 0)
    code = str(response.get("error", "")) if hasattr(response, "get") else ""
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        seconds = float((getattr(response, "headers", None) or {}).get("Retry-After", 30))
        return TemporaryError(f"Slack limits {method}", retry_after_s=seconds)
    if status >= 500 or code in {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}:
        lost = PostLostError if method == "chat.postMessage" else UnreachableError
        return lost(f"Slack answered {method} with {status or code}")
    if code in _WRONG_SETUP:
        return InputError(f"Slack refuses {method} ({code}): {_WRONG_SETUP[code]}")
    details = (response.get("response_metadata") or {}).get("messages") if hasattr(response, "get") else None
    return PermanentError(f"Slack refuses {method}: {code or status}{f' ({details})' if details else ''}")

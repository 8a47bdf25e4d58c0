"""The methods that read: auth.test, users.info and the three of conversations."""

from tests.sandbox.slack.arguments import ApiError, Arguments
from tests.sandbox.slack.chat import find_channel
from tests.sandbox.slack.model import Channel, Json, Message, Ts, UserId
from tests.sandbox.slack.people import BOT, BOT_ID, TEAM_DOMAIN, TEAM_ID, TEAM_NAME
from tests.sandbox.slack.wire import channel_json, message_json, user_json
from tests.sandbox.slack.workspace import Workspace


def auth_test(_workspace: Workspace, _arguments: Arguments) -> Json:
    return {
        "ok": True,
        "url": f"https://{TEAM_DOMAIN}.slack.example/",
        "team": TEAM_NAME,
        "team_id": TEAM_ID,
        "user": BOT.name,
        "user_id": BOT.id,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def users_info(workspace: Workspace, arguments: Arguments) -> Json:
    user = workspace.user(UserId(arguments.required("user")))
    if user is None:
        raise ApiError("user_not_found")
    return {"ok": True, "user": user_json(user)}


def conversations_info(workspace: Workspace, arguments: Arguments) -> Json:
    return {"ok": True, "channel": channel_json(find_channel(workspace, arguments.required("channel")))}


def conversations_history(workspace: Workspace, arguments: Arguments) -> Json:
    """Newest first. Replies and ephemerals are not part of a channel's history."""
    channel = _readable(workspace, arguments)
    newest_first = workspace.timeline(channel.id)[::-1]
    wanted = [message for message in newest_first if _within(message.ts, arguments)]
    return _page(workspace, wanted, arguments)


def conversations_replies(workspace: Workspace, arguments: Arguments) -> Json:
    """The parent first, then its replies, oldest first."""
    channel = _readable(workspace, arguments)
    parent = workspace.find(channel.id, Ts(arguments.required("ts")))
    if parent is None or parent.only_for:
        raise ApiError("thread_not_found")
    replies = workspace.replies(channel.id, parent.ts)
    wanted = [message for message in replies if _within(message.ts, arguments)]
    return _page(workspace, [parent, *wanted], arguments)


def _readable(workspace: Workspace, arguments: Arguments) -> Channel:
    channel = find_channel(workspace, arguments.required("channel"))
    if not channel.app_is_member:
        raise ApiError("not_in_channel")
    return channel


def _within(ts: Ts, arguments: Arguments) -> bool:
    oldest, latest = arguments.text("oldest") or "0", arguments.text("latest")
    if arguments.flag("inclusive"):
        return oldest <= ts and (not latest or ts <= latest)
    return oldest < ts and (not latest or ts < latest)


def _page(workspace: Workspace, messages: list[Message], arguments: Arguments) -> Json:
    limit = arguments.whole("limit", 100, most=999)
    start = _cursor(arguments)
    end = start + limit
    shown = messages[start:end]
    with_metadata = arguments.flag("include_all_metadata")
    more = end < len(messages)
    body: Json = {
        "ok": True,
        "messages": [message_json(workspace, m, with_metadata=with_metadata) for m in shown],
        "has_more": more,
    }
    return body | ({"response_metadata": {"next_cursor": f"next:{end}"}} if more else {})


def _cursor(arguments: Arguments) -> int:
    text = arguments.text("cursor")
    if not text:
        return 0
    prefix, _, number = text.partition(":")
    if prefix != "next" or not number.isdigit():
        raise ApiError("invalid_cursor")
    return int(number)

"""How the workspace's things look in Slack's JSON."""

from tests.sandbox.slack.model import Channel, Json, Message, User
from tests.sandbox.slack.people import APP_ID, BOT, BOT_ID, TEAM_ID
from tests.sandbox.slack.workspace import Workspace

BOT_PROFILE: Json = {
    "id": BOT_ID,
    "app_id": APP_ID,
    "user_id": BOT.id,
    "name": BOT.name,
    "icons": {},
    "deleted": False,
    "updated": 1732400000,
    "team_id": TEAM_ID,
}


def message_json(workspace: Workspace, message: Message, *, with_metadata: bool = False) -> Json:
    """A message as in `conversations.history`; metadata only where it was asked for, as there."""
    body: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
    if message.user == BOT.id:
        body |= {"bot_id": BOT_ID, "app_id": APP_ID, "team": TEAM_ID, "bot_profile": BOT_PROFILE}
    if message.blocks:
        body["blocks"] = list(message.blocks)
    if message.edited_ts:
        body["edited"] = {"user": message.user, "ts": message.edited_ts}
    if with_metadata and message.metadata is not None:
        body["metadata"] = message.metadata
    if message.thread_ts:
        return body | {"thread_ts": message.thread_ts, "parent_user_id": _author(workspace, message)}
    return body | _thread(workspace, message)


def _author(workspace: Workspace, reply: Message) -> str | None:
    parent = workspace.find(reply.channel, reply.thread_ts) if reply.thread_ts else None
    return parent.user if parent else None


def _thread(workspace: Workspace, message: Message) -> Json:
    """What a parent says about its replies; nothing while there are none."""
    replies = workspace.replies(message.channel, message.ts)
    if not replies:
        return {}
    users = sorted({reply.user for reply in replies})
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "reply_users": users,
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }


def user_json(user: User) -> Json:
    """A user as `users.info` tells it. Slack leaves most flags out of a deleted user's record."""
    body: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "updated": 1732400000,
        "profile": {"real_name": user.real_name, "display_name": user.name, "team": user.team_id},
    }
    if user.deleted:
        return body
    body |= {"is_admin": False, "is_owner": False, "is_restricted": user.is_restricted}
    body["is_ultra_restricted"] = user.is_ultra_restricted
    return body | ({"is_stranger": True} if user.is_stranger else {})


def channel_json(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_private": False,
        "is_archived": False,
        "is_member": channel.app_is_member,
        "context_team_id": TEAM_ID,
        "created": 1732400000,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
    }

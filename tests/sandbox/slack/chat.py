"""The methods that write: chat.postMessage, chat.update, chat.delete and chat.postEphemeral.

Slack's own traps are kept: there is no idempotency key, an update with text and no blocks takes the blocks away,
metadata stays unless it is sent, and only its own messages can be changed by an app.
"""

import re
from typing import Any

from tests.sandbox.slack.arguments import ApiError, Arguments
from tests.sandbox.slack.blocks import complaints, too_long
from tests.sandbox.slack.escaping import stored_blocks, stored_mrkdwn
from tests.sandbox.slack.model import Channel, ChannelId, Json, Message, Ts, UserId
from tests.sandbox.slack.people import BOT
from tests.sandbox.slack.wire import message_json
from tests.sandbox.slack.workspace import Workspace

MOST_TEXT = 40_000
MOST_METADATA = 8_000
_NOT_SUPPORTED = ("attachments", "markdown_text", "file_ids")


def find_channel(workspace: Workspace, name: str) -> Channel:
    """The channel of that id. Raises ApiError as Slack answers for an unknown or uninvited one."""
    channel = workspace.channels.get(ChannelId(name))
    if channel is None:
        raise ApiError("channel_not_found")
    return channel


def post_message(workspace: Workspace, arguments: Arguments) -> Json:
    channel = _writable(workspace, _by_id_or_name(workspace, arguments.required("channel")))
    text, blocks = _content(workspace, arguments)
    thread_ts = _thread_ts(workspace, channel, arguments)
    message = workspace.add(
        Message(channel, workspace.next_ts(), BOT.id, text, blocks, _metadata(arguments), thread_ts)
    )
    return {
        "ok": True,
        "channel": channel,
        "ts": message.ts,
        "message": message_json(workspace, message, with_metadata=True),
    }


def update(workspace: Workspace, arguments: Arguments) -> Json:
    """Replace text and blocks. Only a change of a message without blocks is marked as edited."""
    message = _own_message(workspace, arguments, "cant_update_message")
    text, blocks = _content(workspace, arguments, standing=message)
    metadata = _metadata(arguments) if "metadata" in arguments else message.metadata
    edited = workspace.edit(message, text, blocks, metadata, mark=not blocks)
    body = message_json(workspace, edited, with_metadata=True)
    return {"ok": True, "channel": edited.channel, "ts": edited.ts, "text": edited.text, "message": body}


def delete(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments, "cant_delete_message")
    workspace.remove(message)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def post_ephemeral(workspace: Workspace, arguments: Arguments) -> Json:
    channel = _writable(workspace, find_channel(workspace, arguments.required("channel")).id)
    user = workspace.user(UserId(arguments.required("user")))
    if user is None or user.deleted or user.is_bot:
        raise ApiError("user_not_in_channel")
    text, blocks = _content(workspace, arguments)
    thread_ts = _thread_ts(workspace, channel, arguments)
    message = workspace.add(
        Message(channel, workspace.next_ts(), BOT.id, text, blocks, None, thread_ts, only_for=user.id)
    )
    return {"ok": True, "message_ts": message.ts}


def checked_blocks(workspace: Workspace, raw: Any) -> tuple[Json, ...]:
    """Blocks as Slack stores them. Raises ApiError with Slack's code and every complaint."""
    if not isinstance(raw, list) or not all(isinstance(block, dict) for block in raw):
        raise ApiError("invalid_blocks_format")
    found = complaints(raw) if raw else []
    if found:
        messages = [f"[ERROR] {complaint}" for complaint in found]
        raise ApiError("invalid_blocks", errors=found, response_metadata={"messages": messages})
    if too_long(raw):
        raise ApiError("msg_blocks_too_long")
    return tuple(_with_ids(workspace, block) for block in stored_blocks(raw))


def _with_ids(workspace: Workspace, block: Json) -> Json:
    """Slack names each block and button that the app left unnamed."""
    elements = [block.get("accessory"), *(block.get("elements", ()) if block["type"] == "actions" else ())]
    for element in elements:
        if element is not None and element["type"] == "button":
            element.setdefault("action_id", workspace.next_block_id())
    return {"block_id": workspace.next_block_id(), **block}


def _content(
    workspace: Workspace, arguments: Arguments, standing: Message | None = None
) -> tuple[str, tuple[Json, ...]]:
    """Text and blocks of a call; on an update, what was not sent stands, but text alone takes the blocks away."""
    for name in _NOT_SUPPORTED:
        if name in arguments:
            raise ApiError(
                "invalid_arguments", response_metadata={"messages": [f"[ERROR] no stand-in for {name}"]}
            )
    has_text, has_blocks = bool(arguments.text("text")), "blocks" in arguments
    raw = arguments.structure("blocks", "invalid_blocks_format")
    blocks = checked_blocks(workspace, raw) if has_blocks else ()
    if not has_text and not blocks:
        raise ApiError("no_text")
    if len(arguments.text("text")) > MOST_TEXT:
        raise ApiError("msg_too_long")
    text = stored_mrkdwn(arguments.text("text"))
    return (standing.text if standing and not has_text else text), blocks


def _metadata(arguments: Arguments) -> Json | None:
    metadata = arguments.structure("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    match metadata:
        case {"event_type": str() as kind, "event_payload": dict() as payload} if re.fullmatch(
            r"\w[\w.:-]*", kind
        ):
            if len(str(payload)) > MOST_METADATA:
                raise ApiError("metadata_too_large")
            return {"event_type": kind, "event_payload": payload}
        case _:
            raise ApiError("invalid_metadata_schema")


def _by_id_or_name(workspace: Workspace, name: str) -> ChannelId:
    """Only posting takes a name; every other method wants the id."""
    for channel in workspace.channels.values():
        if name.removeprefix("#") == channel.name:
            return channel.id
    return find_channel(workspace, name).id


def _writable(workspace: Workspace, channel: ChannelId) -> ChannelId:
    if not workspace.channels[channel].app_is_member:
        raise ApiError("not_in_channel")
    return channel


def _thread_ts(workspace: Workspace, channel: ChannelId, arguments: Arguments) -> Ts | None:
    """The parent of a reply. A reply to a reply lands in the same thread; an unknown parent is refused."""
    if "thread_ts" not in arguments:
        return None
    parent = workspace.find(channel, Ts(arguments.text("thread_ts")))
    if parent is None or parent.only_for:
        raise ApiError("thread_not_found")
    return parent.thread_ts or parent.ts


def _own_message(workspace: Workspace, arguments: Arguments, refusal: str) -> Message:
    channel = find_channel(workspace, arguments.required("channel")).id
    message = workspace.find(channel, Ts(arguments.required("ts")))
    if message is None or message.only_for:
        raise ApiError("message_not_found")
    if message.user != BOT.id:
        raise ApiError(refusal)
    return message

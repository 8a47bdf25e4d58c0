"""What one person sees of a channel now: a list of messages, and the list of each thread, ready to insert.

The whole view is made anew after every change; the browser keeps what did not change. With the few dozen messages
of a demo that takes a few milliseconds, and there is nothing that could get out of step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape as to_text
from itertools import pairwise

from tests.sandbox.slack.model import ChannelId, Click, Message, Outcome, User
from tests.sandbox.slack.page.reader import Reader
from tests.sandbox.slack.page.render import render_content

_GROUP_WITHIN_S = 300
BOT_AVATAR = (
    '<svg viewBox="0 0 36 36"><rect width="36" height="36" rx="8" fill="#0f766e"/>'
    '<path d="M23.6 9.2a6.1 6.1 0 0 0-6.9 8.3l-6.5 6.5a2.5 2.5 0 0 0 3.6 3.6l6.5-6.5a6.1 6.1 0 0 0 8.2-7l-3.7 3.7'
    '-3.6-1-1-3.6z" fill="#fff"/></svg>'
)
_TINTS = ("#7c3aed", "#be185d", "#b45309", "#1d4ed8", "#15803d", "#9f1239")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as HTML, under a key that stays the same through its edits."""

    key: str
    html: str


def timeline(channel: ChannelId, reader: Reader) -> list[Entry]:
    """The channel itself: everybody's messages and the reader's own ephemerals, a line before each new day."""
    mine = [m for m in reader.workspace.everything(channel) if m.thread_ts is None and _visible(m, reader)]
    entries = []
    for earlier, message in pairwise([None, *mine]):
        if message is None:
            continue
        day = f"{reader.local(message.ts):%A, %B %-d}"
        if earlier is None or day != f"{reader.local(earlier.ts):%A, %B %-d}":
            entries.append(Entry(f"day {day}", f'<div class="day"><span>{day}</span></div>'))
        entries.append(_entry(message, earlier, reader, foot=_thread_foot(message, reader)))
    return entries


def threads(channel: ChannelId, reader: Reader) -> dict[str, list[Entry]]:
    """Every thread that has replies: the parent, a line with their number, then the replies."""
    found: dict[str, list[Message]] = {}
    for message in reader.workspace.everything(channel):
        if message.thread_ts is not None and _visible(message, reader):
            found.setdefault(message.thread_ts, []).append(message)
    return {parent: list(_thread(channel, parent, replies, reader)) for parent, replies in found.items()}


def avatar(user: User) -> str:
    if user.is_bot:
        return f'<span class="avatar" aria-hidden="true">{BOT_AVATAR}</span>'
    initials = "".join(word[0] for word in user.real_name.split()[:2])
    tint = _TINTS[sum(user.id.encode()) % len(_TINTS)]
    return f'<span class="avatar" aria-hidden="true" style="background:{tint}">{to_text(initials)}</span>'


def _visible(message: Message, reader: Reader) -> bool:
    return message.only_for in (None, reader.user.id)


def _thread(channel: ChannelId, parent: str, replies: list[Message], reader: Reader) -> Iterator[Entry]:
    root = next((m for m in reader.workspace.timeline(channel) if m.ts == parent), None)
    if root is not None:
        yield _entry(root, None, reader, foot="")
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    yield Entry("count", f'<div class="count"><span>{count}</span></div>')
    for earlier, reply in pairwise([None, *replies]):
        if reply is not None:
            yield _entry(reply, earlier, reader, foot="")


def _entry(message: Message, earlier: Message | None, reader: Reader, *, foot: str) -> Entry:
    user = reader.workspace.users[message.user]
    moment = reader.local(message.ts)
    follows = earlier is not None and _follows(earlier, message)
    private = message.only_for is not None
    classes = "message" + (" follows" if follows else "") + (" private" if private else "")
    notice = '<div class="only-you">Only visible to you</div>' if private else ""
    dismiss = '<button type="button" class="dismiss">Dismiss message</button>' if private else ""
    edited = '<span class="edited">(edited)</span>' if message.edited_ts else ""
    badge = '<span class="badge">APP</span>' if user.is_bot else ""
    time = f'<time title="{moment:%A, %B %-d at %H:%M:%S}">{moment:%H:%M}</time>'
    content = render_content(message, reader, lambda block, action: _progress(message, block, action, reader))
    return Entry(
        message.ts,
        f'<article class="{classes}" data-ts="{message.ts}" data-edits="{message.edits}">{avatar(user)}'
        f'<div class="body">{notice}<div class="who"><b>{to_text(user.real_name)}</b>{badge}{time}</div>'
        f'<div class="content">{content}{edited}</div>{dismiss}{foot}</div></article>',
    )


def _follows(earlier: Message, message: Message) -> bool:
    """Short messages of one person in quick succession share one head, cards never do."""
    close = float(message.ts) - float(earlier.ts) < _GROUP_WITHIN_S
    return close and earlier.user == message.user and not message.blocks and earlier.only_for == message.only_for


def _thread_foot(message: Message, reader: Reader) -> str:
    replies = reader.workspace.replies(message.channel, message.ts)
    if not replies:
        return ""
    people = list(dict.fromkeys(reply.user for reply in replies))
    faces = "".join(avatar(reader.workspace.users[user]) for user in people[:4])
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    last = f"Last reply at {reader.local(replies[-1].ts):%H:%M}"
    return (
        f'<button type="button" class="thread" data-thread="{message.ts}">{faces}<b>{count}</b>'
        f"<span>{last}</span></button>"
    )


def _progress(message: Message, block_id: str, action_id: str, reader: Reader) -> Outcome | None:
    """How the reader's last press of this button went, while the card still is the one that was pressed."""
    pressed: Click | None = None
    for click in reader.workspace.clicks.values():
        if (click.message_ts, click.block_id, click.action_id) == (message.ts, block_id, action_id):
            pressed = click if click.user == reader.user.id and click.card_edits == message.edits else pressed
    return pressed.outcome if pressed else None

"""The state of the stand-in: messages by channel, and the clicks on them. No network, no rules of the Web API.

It lives in the sandbox's process, so it outlasts every restart of the bot, as Slack does.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count

from tests.sandbox.slack.changes import Changes
from tests.sandbox.slack.escaping import stored_mrkdwn
from tests.sandbox.slack.model import Channel, ChannelId, Click, Json, Message, Ts, User, UserId


class Workspace:
    """One team with its people and channels. Every change is announced on `changes`."""

    def __init__(
        self, people: Iterable[User], channels: Iterable[Channel], clock: Callable[[], float] = time.time
    ) -> None:
        self.changes = Changes()
        self.users = {user.id: user for user in people}
        self.channels = {channel.id: channel for channel in channels}
        self.clicks: dict[str, Click] = {}
        self._messages: dict[ChannelId, dict[Ts, Message]] = {channel: {} for channel in self.channels}
        self._clock = clock
        self._last_us = 0
        self._serial = count(1)

    def next_ts(self) -> Ts:
        """A new message name: the time now, made unique and ever growing as Slack's are."""
        self._last_us = max(self._last_us + 1, int(self._clock() * 1_000_000))
        return Ts(f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}")

    def next_block_id(self) -> str:
        return f"b{next(self._serial):04d}"

    def add(self, message: Message) -> Message:
        self._messages[message.channel][message.ts] = message
        self.changes.announce()
        return message

    def say(self, channel: ChannelId, user: User, text: str, thread_ts: Ts | None = None) -> Message:
        """A person types a message. Slack keeps it escaped like any other text."""
        return self.add(Message(channel, self.next_ts(), user.id, stored_mrkdwn(text), thread_ts=thread_ts))

    def edit(
        self, message: Message, text: str, blocks: tuple[Json, ...], metadata: Json | None, *, mark: bool
    ) -> Message:
        """Replace what a message says; `mark` leaves the small "(edited)" on it."""
        edited_ts = self.next_ts() if mark else message.edited_ts
        return self.add(
            replace(
                message,
                text=text,
                blocks=blocks,
                metadata=metadata,
                edited_ts=edited_ts,
                edits=message.edits + 1,
            )
        )

    def remove(self, message: Message) -> None:
        del self._messages[message.channel][message.ts]
        self.changes.announce()

    def find(self, channel: ChannelId, ts: Ts) -> Message | None:
        return self._messages[channel].get(ts)

    def everything(self, channel: ChannelId) -> list[Message]:
        """All messages, replies and ephemerals included, oldest first."""
        return sorted(self._messages[channel].values(), key=lambda message: message.ts)

    def timeline(self, channel: ChannelId) -> list[Message]:
        """What the channel itself shows to everybody, oldest first: no replies, no ephemerals."""
        return [m for m in self.everything(channel) if m.thread_ts is None and m.only_for is None]

    def replies(self, channel: ChannelId, parent: Ts) -> list[Message]:
        return [m for m in self.everything(channel) if m.thread_ts == parent and m.only_for is None]

    def record(self, click: Click) -> Click:
        self.clicks[click.envelope_id] = click
        self.changes.announce()
        return click

    def user(self, user: UserId) -> User | None:
        return self.users.get(user)

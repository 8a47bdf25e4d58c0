"""What the stand-in's workspace is made of: people, channels, messages and clicks.

Everything is frozen: an edit replaces a message by a new one, so a test that holds yesterday's message still
sees yesterday's text. Block Kit stays JSON (`Json`), because here it is the wire format under test and not data
of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NewType

Json = dict[str, Any]
UserId = NewType("UserId", str)
ChannelId = NewType("ChannelId", str)
Ts = NewType("Ts", str)
"""Slack's name of a message within its channel: seconds and microseconds, `1732442100.000100`."""


@dataclass(frozen=True, slots=True)
class User:
    """A person (or the app itself) as `users.info` tells it; `role` is only a caption on the page."""

    id: UserId
    team_id: str
    name: str
    real_name: str
    role: str
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A public channel. `app_is_member` is false until somebody invites the app."""

    id: ChannelId
    name: str
    topic: str = ""
    app_is_member: bool = True


@dataclass(frozen=True, slots=True)
class Button:
    """A button as it stands on a message now."""

    block_id: str
    action_id: str
    label: str
    value: str
    style: str
    element: Json


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `thread_ts` names the parent of a reply; `only_for` makes it an ephemeral of that person."""

    channel: ChannelId
    ts: Ts
    user: UserId
    text: str
    blocks: tuple[Json, ...] = ()
    metadata: Json | None = None
    thread_ts: Ts | None = None
    only_for: UserId | None = None
    edited_ts: Ts | None = None
    edits: int = 0

    def buttons(self) -> Iterator[Button]:
        for block in self.blocks:
            for element in _elements(block):
                if element.get("type") == "button":
                    yield _button(block, element)

    def button(self, action_id: str, block_id: str | None = None) -> Button:
        """The first button with that action id. Raises LookupError, naming those that are there."""
        for button in self.buttons():
            if button.action_id == action_id and block_id in (None, button.block_id):
                return button
        present = ", ".join(b.action_id for b in self.buttons()) or "none"
        raise LookupError(f"message {self.ts} has no button {action_id!r}; buttons on it: {present}")

    def shown_text(self) -> str:
        """All the text that a reader sees on the card, one piece a line; the fallback text without blocks."""
        return "\n".join(_texts(list(self.blocks))) if self.blocks else self.text


class Outcome(Enum):
    """What became of a click: Slack waits three seconds and never sends it again."""

    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Click:
    """One press of a button and what the app made of it.

    `card_edits` tells which version of the card was pressed; `ack_after_s` is set when the app answered in time.
    """

    envelope_id: str
    user: UserId
    channel: ChannelId
    message_ts: Ts
    block_id: str
    action_id: str
    value: str
    card_edits: int
    outcome: Outcome = Outcome.PENDING
    ack_after_s: float | None = None


def _elements(block: Json) -> Iterator[Json]:
    yield from block.get("elements", ())
    if "accessory" in block:
        yield block["accessory"]


def _button(block: Json, element: Json) -> Button:
    return Button(
        block_id=block["block_id"],
        action_id=element["action_id"],
        label=element["text"]["text"],
        value=element.get("value", ""),
        style=element.get("style", "default"),
        element=element,
    )


def _texts(node: object) -> Iterator[str]:
    """Every displayed string in reading order; identifiers, values and confirm dialogs are not displayed."""
    match node:
        case list():
            for item in node:
                yield from _texts(item)
        case {"text": str() as text}:
            yield text
        case dict():
            for key in ("text", "fields", "elements", "accessory"):
                yield from _texts(node.get(key))
        case _:
            return

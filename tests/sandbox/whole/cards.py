"""What people see of an incident: its card in the channel, and what is said in its thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sandbox.slack import Message, SlackServer

_METADATA = "imsbot_incident"


@dataclass(frozen=True, slots=True)
class CardView:
    """One card as it stands now."""

    message: Message
    incident: str

    @property
    def headline(self) -> str:
        return self.message.text

    @property
    def shown(self) -> str:
        return self.message.shown_text()

    @property
    def actions(self) -> tuple[str, ...]:
        """Action ids of its buttons."""
        return tuple(button.action_id for button in self.message.buttons())

    @property
    def ended(self) -> bool:
        """A card that says how long its incident took has reached its end."""
        return " · took " in self.shown


def cards(slack: SlackServer) -> Sequence[CardView]:
    """Every incident's card, oldest first."""
    found = []
    for message in slack.messages():
        metadata = message.metadata or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == _METADATA and payload.get("key") == "card":
            found.append(CardView(message, payload["incident"]))
    return found


def find_card(slack: SlackServer, *words: str, since: str = "") -> CardView | None:
    """The newest card whose headline holds all of `words`; `since` is a message's ts that it must be younger than."""
    for card in reversed(cards(slack)):
        if card.message.ts > since and all(word in card.headline for word in words):
            return card
    return None


def thread(slack: SlackServer, card: CardView) -> Sequence[str]:
    return [reply.text for reply in slack.messages(thread_ts=card.message.ts)]

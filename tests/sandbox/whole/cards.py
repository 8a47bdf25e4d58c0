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
    subject: str
    """The id of its incident, or the name of a storm."""

    @property
    def headline(self) -> str:
        return self.message.text

    @property
    def state(self) -> str:
        """Its first words: "Healed", "Waiting for an answer"."""
        return self.headline.partition(" · ")[0]

    @property
    def shown(self) -> str:
        return self.message.shown_text()

    @property
    def actions(self) -> tuple[str, ...]:
        """Action ids of its buttons."""
        return tuple(button.action_id for button in self.message.buttons())

    @property
    def ended(self) -> bool:
        """It says how long its incident took."""
        return " · took " in self.shown

    @property
    def settled(self) -> bool:
        """Nothing more happens by itself: the incident has ended, or it is held and a person must act."""
        return self.ended or "A person must act" in self.shown


def cards(slack: SlackServer) -> Sequence[CardView]:
    """Every incident's card, oldest first."""
    found = []
    for message in slack.messages():
        metadata = message.metadata or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == _METADATA and payload.get("key") == "card":
            found.append(CardView(message, payload["subject"]))
    return found


def find_card(slack: SlackServer, *words: str, since: str = "") -> CardView | None:
    """The newest card younger than the message `since` whose headline holds all of `words`."""
    for card in reversed(cards(slack)):
        if card.message.ts > since and all(word in card.headline for word in words):
            return card
    return None


def thread(slack: SlackServer, card: CardView) -> Sequence[str]:
    return [reply.text for reply in slack.messages(thread_ts=card.message.ts)]

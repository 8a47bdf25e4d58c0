"""What people see of an incident: its card in the channel; and how they answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.sandbox.slack import APPROVER, Message, Outcome, SlackServer, User

_METADATA = "imsbot_incident"
_TAKEN_WITHIN_S = 8.0
_TRIES = 15


@dataclass(frozen=True, slots=True)
class CardView:
    """One card as it stands now."""

    message: Message
    subject: str
    """The id of its incident, or the name of a storm or of a sweep."""

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


async def answer(
    slack: SlackServer,
    look: Callable[[], CardView | None],
    action: str,
    *,
    user: User = APPROVER,
    before_try: Callable[[int], None] = lambda number: None,
) -> None:
    """Click like a person: again, while the buttons are still there after a while, because the click got lost.

    `before_try` is called with 1, 2, … before each click. Raises TimeoutError when no click was ever taken.
    """
    for number in range(1, _TRIES + 1):
        card = look()
        if card is not None and action in card.actions:
            before_try(number)
            with suppress(LookupError):  # the card was redrawn since we looked at it
                await slack.click(card.message.ts, action, user=user)
        with suppress(TimeoutError):
            await slack.wait_for(lambda _: (seen := look()) is not None and not seen.actions, _TAKEN_WITHIN_S)
            return
    raise TimeoutError(f"no click on {action} was taken in {_TRIES} tries")


async def press(slack: SlackServer, look: Callable[[], CardView | None], action: str, *, user: User) -> None:
    """Click until the bot has acknowledged it, whatever it makes of it.

    A bot that says "started" may have no socket yet, and a socket comes and goes: then nobody hears a click, and
    Slack sends it to nobody later. Raises TimeoutError when none was heard.
    """
    for _ in range(_TRIES):
        await slack.wait_for(lambda slack: slack.sockets.connections, _TRIES * _TAKEN_WITHIN_S)
        card = await slack.wait_for(lambda _: look(), _TAKEN_WITHIN_S)
        with suppress(LookupError):  # the card was redrawn since we looked at it
            click = await slack.click(card.message.ts, action, user=user)
            if click.outcome is Outcome.ACKNOWLEDGED:
                return
    raise TimeoutError(f"no click on {action} was heard in {_TRIES} tries")

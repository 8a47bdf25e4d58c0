"""Who clicks: Mira by herself, or the person at the terminal and the Slack page, with Mira as a stand-in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

from tests.sandbox.demo.story import Answer
from tests.sandbox.demo.telling import Telling
from tests.sandbox.slack import APPROVER, OUTSIDER, Outcome, SlackServer, User
from tests.sandbox.whole import CardView, answer

_TOLD_WITHIN_S = 8.0
_PERSON_WITHIN_S = 3600.0

Look = Callable[[], CardView | None]


class People:
    """`waits` lets the person at the terminal answer; else Mira does it at once."""

    def __init__(self, slack: SlackServer, telling: Telling, *, waits: bool) -> None:
        self._slack = slack
        self._telling = telling
        self._waits = waits

    async def answer(self, card: Look, wanted: Answer) -> Answer:
        """Returns what was answered in the end. Raises TimeoutError when nobody's answer was ever taken."""
        if self._waits and await self._answered_by_hand(card, wanted):
            return self._given(card) or wanted
        await self._insist(card, wanted)
        return self._given(card) or wanted

    async def linger(self) -> None:
        """Leave the page open until the person at the terminal has seen enough."""
        if self._waits:
            self._telling.aside(f"{self._slack.page_url} stays open until you press Enter")
            await self._enter()

    async def intrude(self, card: Look) -> None:
        """Theo, who is no approver, tries, and is told so in private."""
        found = card()
        if found is None or not found.actions:
            return
        told = len(self._slack.ephemerals(OUTSIDER))
        self._telling.clicked(OUTSIDER, "Approve")
        await self._press(found, Answer.APPROVE, OUTSIDER)
        with suppress(TimeoutError):
            await self._slack.wait_for(lambda slack: len(slack.ephemerals(OUTSIDER)) > told, _TOLD_WITHIN_S)
            self._telling.whispered(OUTSIDER, self._slack.ephemerals(OUTSIDER)[-1].shown_text())

    async def _insist(self, card: Look, wanted: Answer) -> None:
        def tell(number: int) -> None:
            if number > 1:
                self._telling.aside("the buttons are still there: the click got lost, so once more")
            self._telling.clicked(APPROVER, wanted.removeprefix("imsbot-").capitalize())

        await answer(self._slack, card, wanted, before_try=tell)

    async def _press(self, card: CardView, action: Answer, user: User) -> None:
        with suppress(LookupError):  # the card was redrawn since we looked at it
            await self._slack.click(card.message.ts, action, user=user)

    async def _answered_by_hand(self, card: Look, wanted: Answer) -> bool:
        """False when the person pressed Enter instead."""
        verb = wanted.removeprefix("imsbot-")
        self._telling.invite(self._slack.page_url, verb)
        enter = asyncio.ensure_future(self._enter())
        settled = asyncio.ensure_future(self._slack.wait_for(lambda _: _settled(card()), _PERSON_WITHIN_S))
        try:
            await asyncio.wait({enter, settled}, return_when=asyncio.FIRST_COMPLETED)
            return settled.done()
        finally:
            enter.cancel()
            settled.cancel()

    async def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        pressed = asyncio.Event()
        loop.add_reader(sys.stdin, pressed.set)
        try:
            await pressed.wait()
            sys.stdin.readline()
        finally:
            loop.remove_reader(sys.stdin)

    def _given(self, card: Look) -> Answer | None:
        """The approver's answer that the bot has acknowledged."""
        found = card()
        clicks = [
            click
            for click in self._slack.clicks
            if found is not None
            and click.message_ts == found.message.ts
            and click.outcome is Outcome.ACKNOWLEDGED
            and click.user != OUTSIDER.id
        ]
        return Answer(clicks[-1].action_id) if clicks else None


def _settled(card: CardView | None) -> bool:
    return card is not None and not card.actions

"""The engine's `Cards` on Slack: the latest state of each incident wins, within Slack's limits.

`show` only remembers that a card is out of date; one task sends, at most one edit per card in a few seconds and a
bounded number per minute in all, cards that lose their buttons and ended incidents first. `deliver` is for what
must be seen before going on: it returns when Slack has confirmed. A card whose post was not journaled is found
again by its metadata. Incidents of a storm or of a sweep share a card (`groups`), which only `show` brings.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bot.adapters.slack.api import GoneError, PostLostError, RefusedCardError, SlackApi
from bot.adapters.slack.groups import GroupCard, Groups
from bot.adapters.slack.health import Health
from bot.adapters.slack.threads import SlackThreads
from bot.core.errors import BotError, InputError, TemporaryError, UnreachableError
from bot.core.incident import Incident
from bot.core.model import CardRef
from bot.core.settings import Slack
from bot.core.sweep import Bulletin
from bot.views.card import Card, render_card
from bot.views.short_card import short_card

log = structlog.get_logger(__name__)

CARD_KEY = "card"
MINUTE_S = 60.0
RETRY_S = 5.0
SETUP_RETRY_S = 60.0
"""How often a refused token, scope or channel is tried again: a person has to cure it."""

POST_INTERVAL_S = 1.0
"""Slack takes about one post a second for a channel."""


@dataclass(slots=True)
class _CardState:
    """One card: an incident's, or one that several share."""

    subject: str
    """Incident id, or name of the group: what its metadata says."""
    since: datetime
    card: Card
    ref: CardRef | None = None
    wanted: bool = False
    """Whether it is to be posted, if it is not there yet."""
    ended: bool = False
    sent: Card | None = None
    posting: bool = False
    ready_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def urgent(self) -> bool:
        """It loses its buttons: nobody should press them any more."""
        return self.sent is not None and self.sent.answerable and not self.card.answerable

    @property
    def up_to_date(self) -> bool:
        seen = (self.card.text, self.card.blocks)
        return self.sent is not None and (self.sent.text, self.sent.blocks) == seen


class SlackCards:
    def __init__(self, api: SlackApi, settings: Slack, *, post_interval_s: float = POST_INTERVAL_S) -> None:
        assert settings.channel is not None, "config.py requires slack.channel"
        self._api = api
        self._settings = settings
        self._channel = settings.channel
        self._threads = SlackThreads(api, post_interval_s)
        self.health = Health()
        self._cards: dict[str, _CardState] = {}
        self._groups = Groups()
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._edits: deque[float] = deque()
        self._limited_until = float("-inf")

    def is_card(self, subject: str, here: CardRef) -> bool:
        """Whether that message is the card of this incident or group. While its post is under way, any of our
        channel may be: a person can be faster than Slack's reply to us."""
        state = self._cards.get(subject)
        if state is None:
            return False
        return state.ref == here or (state.ref is None and state.posting and here.channel == self._channel)

    def show(self, incident: Incident) -> None:
        """Out of date now; `run` sends it when the limits allow. An open incident gets no first card by this."""
        state = self._state(incident)
        state.wanted = state.wanted or (incident.speaks and not incident.open)
        self._out_of_date(state)
        for shared in self._groups.hear(incident):
            self._show_group(shared)

    def show_digest(self, bulletin: Bulletin) -> None:
        """See `engine.ports.Cards`."""
        self._show_group(self._groups.digest(bulletin))

    async def deliver(self, incident: Incident) -> CardRef | None:
        """Raises TemporaryError while Slack is down, limits us, or refuses our token, scopes or channel."""
        state = self._state(incident)
        if state.ref is None and not incident.speaks:
            return None
        state.wanted = True
        self._dirty.pop(state.subject, None)
        try:
            await self._send(state)
        except InputError as error:
            self._out_of_date(state)
            raise UnreachableError(str(error), retry_after_s=SETUP_RETRY_S) from error
        except TemporaryError:
            self._out_of_date(state)
            raise
        return state.ref

    async def run(self) -> None:
        """Sends what `show` left out of date, and the threads, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_for_ever())
            tasks.create_task(self._threads.run())

    async def flush(self) -> None:
        """One try for everything that is out of date, whatever our own limits; for the end of the program."""
        for subject in list(self._dirty):
            del self._dirty[subject]
            try:
                await self._send(self._cards[subject])
            except BotError as error:
                log.warning("card not updated", subject=subject, error=str(error))
        await self._threads.flush()

    def _state(self, incident: Incident) -> _CardState:
        card = render_card(incident)
        state = self._cards.get(incident.id)
        if state is None:
            state = self._cards[incident.id] = _CardState(incident.id, incident.opened_at, card)
        state.card = card
        state.ended = not incident.open
        state.ref = state.ref or incident.card
        return state

    def _show_group(self, shared: GroupCard) -> None:
        name = shared.subject
        state = self._cards.setdefault(name, _CardState(name, shared.since, shared.card, wanted=True))
        state.card, state.since = shared.card, shared.since
        self._out_of_date(state)

    def _out_of_date(self, state: _CardState) -> None:
        if state.ref is not None or state.wanted:
            self._dirty[state.subject] = None
            self._wake.set()

    async def _send_for_ever(self) -> None:
        if self._dirty:  # left by a run before that crashed
            self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                subject, pause_s = self._next()
                if subject is None:
                    await self._pause(pause_s)
                    continue
                del self._dirty[subject]
                await self._send_or_later(self._cards[subject])

    async def _pause(self, pause_s: float) -> None:
        """Until something new is out of date, at the latest for `pause_s`: the new one may be urgent."""
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _next(self) -> tuple[str | None, float]:
        """The card to send now, or how long to wait for one."""
        now = asyncio.get_running_loop().time()
        while self._edits and now - self._edits[0] >= MINUTE_S:
            self._edits.popleft()
        if now < self._limited_until:
            return None, self._limited_until - now
        if len(self._edits) >= self._settings.edits_per_minute:
            return None, self._edits[0] + MINUTE_S - now
        states = [self._cards[subject] for subject in self._dirty]
        due = [state for state in states if state.urgent or state.ready_at <= now]
        if not due:
            return None, min(state.ready_at for state in states) - now
        first = min(due, key=lambda state: (not state.urgent, not state.ended, state.ready_at))
        return first.subject, 0.0

    async def _send_or_later(self, state: _CardState) -> None:
        try:
            await self._send(state)
        except TemporaryError as error:
            self._later(state, error, error.retry_after_s or RETRY_S)
        except InputError as error:
            self._later(state, error, SETUP_RETRY_S)
        except BotError as error:
            log.error("card not updated", subject=state.subject, error=str(error))
        except Exception:
            log.exception("card not updated", subject=state.subject)

    def _later(self, state: _CardState, error: BotError, delay_s: float) -> None:
        """Whatever keeps one card from Slack keeps the others from it as well."""
        log.warning("card not updated yet", subject=state.subject, error=str(error))
        self._dirty[state.subject] = None
        self._limited_until = asyncio.get_running_loop().time() + delay_s

    async def _send(self, state: _CardState) -> None:
        try:
            await self._send_latest(state)
        except (TemporaryError, InputError) as error:
            self.health.fails(str(error))
            raise
        self.health.works()

    async def _send_latest(self, state: _CardState) -> None:
        async with state.lock:
            card = state.card
            try:
                new = await self._post_or_edit(state, card)
            except RefusedCardError as error:
                log.error(
                    "Slack refuses a card; a short one goes instead", subject=state.subject, error=str(error)
                )
                new = await self._post_or_edit(state, short_card(card, state.subject))
            state.sent = card
            state.ready_at = asyncio.get_running_loop().time() + self._settings.edit_interval_s
            assert state.ref is not None
            self._threads.want(state.subject, state.ref, card.thread, new=new)

    async def _post_or_edit(self, state: _CardState, card: Card) -> bool:
        """Whether it was posted now. A card that somebody deleted is posted again."""
        if state.ref is not None:
            if state.up_to_date:
                return False
            try:
                await self._edit(state.ref, card)
            except GoneError:
                log.warning("card was deleted; posting it again", subject=state.subject)
                state.ref = None
            else:
                return False
        state.posting = True
        try:
            return await self._post(state, card)
        finally:
            state.posting = False

    async def _post(self, state: _CardState, card: Card) -> bool:
        """Never twice: one whose reply was lost, or that a killed bot could not journal, is looked for first."""
        ts = await self._find(state)
        if ts is None:
            try:
                ts = await self._api.post(
                    self._channel, card.text, subject=state.subject, key=CARD_KEY, blocks=card.blocks
                )
            except PostLostError:
                ts = await self._find(state)
                if ts is None:
                    raise
            state.ref = CardRef(self._channel, ts)
            return True
        state.ref = CardRef(self._channel, ts)
        await self._edit(state.ref, card)
        return False

    async def _find(self, state: _CardState) -> str | None:
        return await self._api.find(self._channel, state.subject, CARD_KEY, state.since)

    async def _edit(self, ref: CardRef, card: Card) -> None:
        self._edits.append(asyncio.get_running_loop().time())
        await self._api.update(ref, card.text, card.blocks)

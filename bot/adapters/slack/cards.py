"""The engine's `Cards` on Slack: the latest state of each incident wins, within Slack's limits.

`show` only remembers that a card is out of date; one task sends, at most one edit per card in a few seconds and a
bounded number per minute in all, ended incidents first. `deliver` is for what must be seen before going on: it
returns when Slack has confirmed. A card whose post was not journaled is found again by its metadata.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import structlog

from bot.adapters.slack.api import PostLostError, SlackApi
from bot.core.errors import BotError, PermanentError, TemporaryError
from bot.core.incident import Incident, Phase
from bot.core.model import CardRef, IncidentId
from bot.core.settings import Slack
from bot.views.card import Card, render_card

log = structlog.get_logger(__name__)

CARD_KEY = "card"
MINUTE_S = 60.0
RETRY_S = 5.0


@dataclass(slots=True)
class _CardState:
    """What was sent of one incident."""

    wanted: Incident
    ref: CardRef | None
    sent: Card | None = None
    edited_at: float = float("-inf")
    thread: set[str] | None = None
    """Keys of the posts in its thread; `None` while not known."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SlackCards:
    def __init__(self, api: SlackApi, settings: Slack) -> None:
        assert settings.channel is not None, "config.py requires slack.channel"
        self._api = api
        self._settings = settings
        self._channel = settings.channel
        self._cards: dict[IncidentId, _CardState] = {}
        self._dirty: dict[IncidentId, None] = {}
        self._wake = asyncio.Event()
        self._edits: deque[float] = deque()

    def ref_of(self, incident: IncidentId) -> CardRef | None:
        state = self._cards.get(incident)
        return state.ref if state else None

    def show(self, incident: Incident) -> None:
        """Out of date now; `run` sends it when the limits allow. An incident without a card gets none by this."""
        state = self._state(incident)
        if state.ref is not None:
            self._dirty[incident.id] = None
            self._wake.set()

    async def deliver(self, incident: Incident) -> CardRef | None:
        """Raises TemporaryError while Slack is down or limits us, PermanentError when it refuses."""
        state = self._state(incident)
        if state.ref is None and incident.phase is Phase.UNASKED:
            return None
        self._dirty.pop(incident.id, None)
        await self._send(state)
        return state.ref

    async def run(self) -> None:
        """Sends what `show` left out of date, until cancelled."""
        while True:
            await self._wake.wait()
            incident_id, pause_s = self._next()
            if incident_id is None:
                if pause_s is None:
                    self._wake.clear()
                else:
                    await asyncio.sleep(pause_s)
                continue
            del self._dirty[incident_id]
            await self._send_or_later(incident_id)

    async def flush(self) -> None:
        """Send everything that is out of date, limits aside but for Slack's own; for the end of the program."""
        for incident_id in list(self._dirty):
            del self._dirty[incident_id]
            await self._send_or_later(incident_id)

    def _state(self, incident: Incident) -> _CardState:
        state = self._cards.get(incident.id)
        if state is None:
            state = self._cards[incident.id] = _CardState(wanted=incident, ref=incident.card)
        state.wanted = incident
        state.ref = state.ref or incident.card
        return state

    def _next(self) -> tuple[IncidentId | None, float | None]:
        """The next card to send, or how long to wait for one; (None, None) when none is out of date."""
        if not self._dirty:
            return None, None
        now = asyncio.get_running_loop().time()
        while self._edits and now - self._edits[0] > MINUTE_S:
            self._edits.popleft()
        if len(self._edits) >= self._settings.edits_per_minute:
            return None, MINUTE_S - (now - self._edits[0])
        ready_at = {i: self._cards[i].edited_at + self._settings.edit_interval_s for i in self._dirty}
        due = [i for i, at in ready_at.items() if at <= now]
        if not due:
            return None, min(ready_at.values()) - now
        return min(due, key=lambda i: (self._cards[i].wanted.open, ready_at[i])), None

    async def _send_or_later(self, incident_id: IncidentId) -> None:
        try:
            await self._send(self._cards[incident_id])
        except TemporaryError as error:
            log.warning("card not updated yet", incident=incident_id, error=str(error))
            self._dirty[incident_id] = None
            await asyncio.sleep(error.retry_after_s or RETRY_S)
        except BotError as error:
            log.error("card not updated", incident=incident_id, error=str(error))

    async def _send(self, state: _CardState) -> None:
        async with state.lock:
            card = render_card(state.wanted)
            if state.ref is None:
                await self._post(state, card)
            elif state.sent != card:
                self._edits.append(asyncio.get_running_loop().time())
                await self._api.update(state.ref, card.text, card.blocks)
            state.sent = card
            state.edited_at = asyncio.get_running_loop().time()
            await self._send_thread(state, card)

    async def _post(self, state: _CardState, card: Card) -> None:
        """Never twice: one whose reply was lost, or that a killed bot could not journal, is looked for first."""
        incident = state.wanted.id
        ts = await self._api.find(self._channel, incident, CARD_KEY)
        if ts is None:
            try:
                ts = await self._api.post(
                    self._channel, card.text, key=CARD_KEY, incident=incident, blocks=card.blocks
                )
            except PostLostError:
                ts = await self._api.find(self._channel, incident, CARD_KEY)
                if ts is None:
                    raise
            state.ref = CardRef(self._channel, ts)
            state.thread = set()
            return
        state.ref = CardRef(self._channel, ts)
        await self._api.update(state.ref, card.text, card.blocks)

    async def _send_thread(self, state: _CardState, card: Card) -> None:
        """Each post once. A thread that cannot be written does not hold up the card."""
        assert state.ref is not None
        incident = state.wanted.id
        try:
            if state.thread is None:
                state.thread = await self._api.thread_keys(state.ref, incident)
            for key, text in card.thread:
                if key not in state.thread:
                    await self._api.post(
                        state.ref.channel, text, key=key, incident=incident, thread_ts=state.ref.ts
                    )
                    state.thread.add(key)
        except PostLostError:
            state.thread = None
            raise
        except PermanentError as error:
            log.error("thread not written", incident=incident, error=str(error))

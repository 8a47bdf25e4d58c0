"""Brings an incident's card to people: patiently for a question, once for the last word."""

from dataclasses import replace

import structlog

from bot.core import entries as e
from bot.core.errors import BotError, JournalError, TemporaryError
from bot.core.incident import Incident
from bot.core.model import CardRef
from bot.core.sweep import Bulletin
from bot.engine.brake import Brake
from bot.engine.owner import Owner
from bot.engine.ports import Cards

log = structlog.get_logger(__name__)

BACKOFF_S = (1.0, 3.0, 10.0, 30.0)


class Telling:
    def __init__(self, cards: Cards, owner: Owner) -> None:
        self._cards = cards
        self._owner = owner

    async def deliver(self) -> None:
        """Until the service has the card, refuses it, or something was said meanwhile that comes first."""
        attempt = 0
        stands = self._owner.incident.standing
        while not self._owner.stopping and self._owner.incident.standing == stands:
            try:
                await self._deliver()
                return
            except TemporaryError as error:
                log.warning("card not delivered yet", incident=self._owner.incident.id, error=str(error))
                await self._owner.wait(error.retry_after_s or BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1

    async def _deliver(self) -> None:
        """Raises TemporaryError. A service that refuses the card for good leaves the terminal as the only door."""
        try:
            ref = await self._cards.deliver(self._owner.incident)
        except (TemporaryError, JournalError):
            raise
        except BotError as error:
            log.error("card refused", incident=self._owner.incident.id, error=str(error))
            return
        if ref is not None and ref != self._owner.incident.card:
            await self._owner.record(e.CardPosted(at=self._owner.now(), ref=ref))

    async def deliver_last(self) -> None:
        """The last state of a card matters most; while the service is down it stays wanted (`Cards.show`)."""
        try:
            await self._deliver()
        except TemporaryError as error:
            log.warning("last card not delivered yet", incident=self._owner.incident.id, error=str(error))


class CardsWithHalt:
    """Cards that say of each open incident whether the whole bot is paused, and by whom.

    `show` and `show_digest` never raise: a card that cannot be drawn must stop neither a repair nor the others.
    """

    def __init__(self, cards: Cards, brake: Brake) -> None:
        self._cards = cards
        self._brake = brake

    def show(self, incident: Incident) -> None:
        try:
            self._cards.show(self._with_halt(incident))
        except Exception:
            log.exception("card not drawn", incident=incident.id)

    async def deliver(self, incident: Incident) -> CardRef | None:
        return await self._cards.deliver(self._with_halt(incident))

    def show_digest(self, bulletin: Bulletin) -> None:
        try:
            self._cards.show_digest(bulletin)
        except Exception:
            log.exception("digest card not drawn", sweep=bulletin.ended.sweep)

    def _with_halt(self, incident: Incident) -> Incident:
        return replace(incident, halt=self._brake.halt) if incident.open else incident

"""Hop 4 of one incident: a patient look at its target, and whether what it found still answers the question.

A look takes time, and people and the watch go on talking meanwhile. Whatever they say is journaled before the
conclusion is drawn; if it changed where the incident stands, the conclusion is thrown away and the worker decides
anew. So an answer is never applied to a plan that replaced its own, and no conclusion overrides a person.
"""

from collections.abc import Mapping
from typing import Protocol

import structlog

from bot.core import entries as e
from bot.core.endings import why_ended
from bot.core.errors import PASSING, BotError, JournalError, TemporaryError
from bot.core.incident import Incident
from bot.core.model import Blocker, Diagnosis, Family, IncidentId, Target, TargetKind
from bot.core.quiet import UNREADABLE
from bot.engine.look import Conclusion, Subject
from bot.engine.owner import Owner
from bot.engine.parts import Parts
from bot.engine.telling import BACKOFF_S

log = structlog.get_logger(__name__)

LOOK_TRIES = 4
"""Looks at a target that cannot be read, before people are told that it cannot."""


class Claims(Protocol):
    """Which incident has which node, so that a choice takes none that another one has."""

    def taken(self) -> Mapping[str, IncidentId]:
        """Node uid -> the open incident."""

    def claim(self, node: Target) -> bool:
        """Take it from this moment on; false when another incident has it. Decided without an await."""


class NodeBook(Protocol):
    """Which incident has which node (`desk.Desk`)."""

    def taken(self) -> Mapping[str, IncidentId]:
        """Node uid -> the incident that has the node."""

    def claim(self, node: Target, claimant: Incident) -> bool:
        """Whether the node is free for this incident. Decided without an await."""


class Planning:
    def __init__(self, parts: Parts, owner: Owner, claims: Claims) -> None:
        self._parts = parts
        self._owner = owner
        self._claims = claims

    async def conclude(self) -> Conclusion | None:
        """What a look at the target says; `None` when something was said meanwhile that comes first."""
        stands = self._owner.incident.standing
        for delay_s in (*BACKOFF_S[: LOOK_TRIES - 1], None):
            try:
                found = await self._look()
            except JournalError:
                raise
            except PASSING as error:
                if delay_s is not None:
                    asked_s = error.retry_after_s if isinstance(error, TemporaryError) else None
                    await self._owner.wait(asked_s or delay_s)
                    if self._owner.incident.standing != stands:
                        return None
                    continue
                found = _unreadable(self._owner.incident, error)
            except BotError as error:
                found = _unreadable(self._owner.incident, error)
            await self._owner.drain_inbox()
            return found if self._owner.incident.standing == stands else None
        raise AssertionError("the last try returns")

    async def why_ended(self) -> str | None:
        """Why nobody has to answer any more, by live reads; `None` while somebody has to, or nobody knows."""
        stands = self._owner.incident.standing
        try:
            world = await self._parts.looker.live_world(Subject.of(self._owner.incident))
        except JournalError:
            raise
        except BotError as error:
            log.info("incident not reviewed", incident=self._owner.incident.id, error=str(error))
            return None
        await self._owner.drain_inbox()
        return why_ended(self._owner.incident, world) if self._owner.incident.standing == stands else None

    async def _look(self) -> Conclusion:
        if self._owner.incident.target.kind is TargetKind.CHOOSE_NODE:
            chosen = await self._choose()
            if chosen is not None:
                return chosen
        return await self._parts.looker.look(Subject.of(self._owner.incident))

    async def _choose(self) -> Diagnosis | None:
        """Names the node of a choose-node incident; `None` when it did. One incident per node (invariant 4)."""
        choice = await self._parts.looker.choose(Subject.of(self._owner.incident), self._claims.taken())
        if isinstance(choice, Diagnosis):
            return choice
        if not self._claims.claim(Target(TargetKind.NODE, choice.node.name, choice.node.uid)):
            raise TemporaryError(f"{choice.node.name} got an incident of its own meanwhile")
        await self._owner.record(
            e.Chosen(at=self._owner.now(), node=choice.node, why=choice.why, runners_up=choice.runners_up)
        )
        return None


def _unreadable(incident: Incident, error: BotError) -> Diagnosis:
    """A target that cannot be read is a diagnosis in the end: people must hear of it."""
    family = incident.families[-1] if incident.families else Family.AMBIGUOUS
    return Diagnosis(
        family,
        f"{incident.target.name} could not be looked at: {error}",
        blockers=(Blocker(UNREADABLE, str(error)),),
        guidance=("Unknown is not absent: nothing was planned. Cure the cause, then `imsbot repair`.",),
    )

"""One incident in each of its states, as the journal's entries would make it."""

from datetime import UTC, datetime, timedelta

from bot.core import entries as e
from bot.core.drift import Drift, DriftKind, Row
from bot.core.incident import Incident
from bot.core.lifecycle import advance, fold
from bot.core.model import CardRef, IncidentId, Result, Target, TargetKind
from bot.core.sweep import Bulletin, Ended
from tests.unit.core.samples import NODE, PERSON, plan, sighting

NOW = datetime.now(UTC)
"""Slack stamps its messages by the real clock, and cards are looked for from the incident's beginning on."""


DRIFTS = (Drift(DriftKind.LINK_BROKEN, "containerd finds no executable containerd-shim-kata-qemu-v2"),)


def opened(incident: str = "abcdefgh") -> Incident:
    return fold(IncidentId(incident), [e.Opened(at=NOW, target=NODE, sighting=sighting())])


def planned(incident: str = "abcdefgh", digest: str = "d" * 64) -> Incident:
    return advance(opened(incident), e.Planned(at=NOW, plan=plan(digest=digest)))


def asked(incident: str = "abcdefgh", card: CardRef | None = None) -> Incident:
    found = planned(incident)
    if card is not None:
        found = advance(found, e.CardPosted(at=NOW, ref=card))
    return advance(found, e.Asked(at=NOW, digest=digest_of(found), expires_at=NOW + timedelta(hours=4)))


def answered(found: Incident, *, approve: bool) -> Incident:
    return advance(found, e.Answered(at=NOW, actor=PERSON, approve=approve, digest=digest_of(found)))


def closed(found: Incident, result: Result = Result.DENIED) -> Incident:
    return advance(found, e.Closed(at=NOW, result=result, why="That was it."))


def unasked(incident: str, storm: str) -> Incident:
    return advance(opened(incident), e.Unasked(at=NOW, why="many nodes at once", storm=storm))


def bulletin(**incidents: Incident) -> Bulletin:
    """The digest of one sweep, with a row for each of the incidents, or for one that rests."""
    known = incidents or {"abcdefgh": resting("abcdefgh")}
    rows = tuple(Row(i.target, DRIFTS, would=("link it",), incident=key) for key, i in known.items())
    end = Ended(at=NOW, sweep="sweep-1", rows=rows, fine=3, digest="sweep-1", since=NOW, news=())
    return Bulletin(end, known)


def resting(incident: str) -> Incident:
    target = Target(TargetKind.NODE, f"ncn-{incident}", incident)
    opened = e.Opened(at=NOW, target=target, sighting=None, swept=e.Swept("sweep-1", "sweep-1", DRIFTS))
    return fold(IncidentId(incident), [opened])


def digest_of(found: Incident):
    assert found.plan is not None
    return found.plan.digest

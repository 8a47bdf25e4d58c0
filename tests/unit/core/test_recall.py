"""Records of another version: the incident is held, whatever was decided before, and never forgotten."""

import pytest

from bot.core import entries as e
from bot.core.entries import History
from bot.core.incident import Phase
from bot.core.lifecycle import Hop, decide
from bot.core.model import Diagnosis, Family
from bot.core.recall import recall
from tests.unit.core.samples import ID, PERSON, T0, at, opened

WHY = "record 7 of the journal is not known to this program (format 2)"


@pytest.mark.parametrize(
    "records",
    [
        [],
        [e.AbortAsked(at=T0, actor=PERSON)],
        [e.Diagnosed(at=T0, diagnosis=Diagnosis(Family.GUEST_FAILURE, "why"))],
        [e.Held(at=T0, why="x"), e.ReleaseAsked(at=T0, actor=PERSON)],
    ],
)
def test_an_unknown_record_holds_its_incident_whatever_was_said_before(records: list[e.Entry]) -> None:
    incident = recall({ID: History((opened(), *records), WHY)}).incidents[ID]
    assert (Phase.HELD, WHY) == (incident.phase, incident.held)
    assert Hop.REST is decide(incident, at(3), remind_at=0.75, start_within_s=900, held_reminder_s=3600)


def test_a_history_that_is_known_is_the_fold_of_its_entries() -> None:
    recalled = recall({ID: History((opened(),))})
    assert (Phase.OPENED, {}) == (recalled.incidents[ID].phase, recalled.unreadable)


def test_an_incident_without_a_beginning_is_kept_by_its_id() -> None:
    assert {ID: WHY} == recall({ID: History((), WHY)}).unreadable
    assert {ID: f"incident {ID}: its first record is not 'opened'"} == recall(
        {ID: History((e.Held(at=T0, why="x"),))}
    ).unreadable

"""What a log line says of an entry: enough to search by, and nothing that a node or a file said at length."""

import json

from hypothesis import given, settings

from bot.core import entries as e
from bot.core.action import Command, Outcome, OutcomeKind
from bot.core.model import Result
from bot.views.log_line import describe_entry, describe_facts
from tests.unit.steps import samples
from tests.unit.views import stories as s
from tests.unit.views.test_any_card import ENTRIES

RESERVED = {"event", "level", "timestamp", "incident", "target", "phase", "exception"}
"""What every line has anyway."""

PLAN = s.small_plan()


@settings(max_examples=60)
@given(ENTRIES)
def test_any_entry_is_a_flat_line(entry: e.Entry) -> None:
    line = describe_entry(entry, s.story(entry))
    assert set() == RESERVED & line.keys()
    assert all(not isinstance(value, dict) for value in json.loads(json.dumps(line)).values())


def test_an_opened_incident_says_what_was_seen_or_who_asked() -> None:
    seen = e.Opened(at=s.at(0), target=s.target(), sighting=s.sighting())
    asked = e.Opened(at=s.at(0), target=s.target(), sighting=None, actor=s.ROOT)
    assert {"family", "about", "said"} == describe_entry(seen, s.story()).keys()
    assert {"by": f"cli:{s.ROOT.user}"} == describe_entry(asked, s.story())


def test_an_ended_act_says_which_step_it_was_of_and_not_what_it_wrote() -> None:
    ended = e.Ended(at=s.at(99), seq=1, outcome=Outcome(OutcomeKind.FAILED, 7, "password=hunter2"))
    incident = s.story(*s.begun(PLAN), *s.progress(PLAN, 0), ended)
    expected = {"step": PLAN.steps[0].name, "act": "act", "seq": 1, "outcome": "failed", "exit_code": 7}
    assert expected == describe_entry(ended, incident)


def test_an_announced_command_says_its_purpose_and_not_its_input() -> None:
    command = Command("replace", ("python3", "-"), 60, "replace the configuration", stdin="token = 'hunter2'")
    intended = e.Intended(
        at=s.at(9), seq=1, step="configure", key="replace", purpose="p", unit="u", command=command
    )
    assert "hunter2" not in json.dumps(describe_entry(intended, s.story()))


def test_the_end_says_how_it_ended() -> None:
    closed = e.Closed(at=s.at(9), result=Result.HEALED, why="it runs")
    assert {"result": "healed", "why": "it runs"} == describe_entry(closed, s.story(closed))


def test_facts_are_told_in_one_line() -> None:
    line = describe_facts(samples.node_facts())
    assert {"containerd", "containerd_state", "handlers", "kata", "missing"} == line.keys()
    assert json.dumps(line)

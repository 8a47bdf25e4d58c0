"""The last words of a card: what the job's owner must do, and how long the repair lasts."""

import pytest

from bot.core import entries as e
from bot.core.action import Command, Outcome, OutcomeKind, Verdict
from bot.core.fate import Fate, JobFate
from bot.core.lifecycle import fold
from bot.core.model import Result, Verb
from bot.core.outcome import REBUILD, closing
from tests.unit.core.samples import ID, T0, answered, asked, at, opened, plan

JOB = "cray-ims-1-create"


def ended(
    verb: Verb = Verb.CONFIGURE,
    jobs: tuple[JobFate, ...] | None = (JobFate(JOB, Fate.RUNS),),
    verdict: Verdict = Verdict.PROVEN,
) -> e.Closed:
    """Of a repair that did one thing with `verb`, and then looked at the jobs."""
    planned = e.Planned(at=T0, plan=plan(verb, Verb.VERIFY))
    command = Command(key="do", argv=("true",), timeout_s=5, purpose="do")
    records = [
        opened(),
        planned,
        asked(),
        answered(),
        e.Started(at=at(3), epoch=1, holder="journal"),
        e.StepBegan(at=at(4), name=str(verb)),
        e.Intended(at=at(4), seq=1, step=str(verb), key="do", purpose="do", unit="u", command=command),
        e.Ended(at=at(5), seq=1, outcome=Outcome(OutcomeKind.OK)),
        e.StepEnded(at=at(5), name=str(verb), evidence="done"),
        e.StepEnded(at=at(9), name="verify", evidence="it was seen", verdict=verdict, jobs=jobs),
    ]
    return closing(fold(ID, records), at(10))


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ((JobFate(JOB, Fate.RUNS),), f"Nothing to do for the owner of {JOB}."),
        ((JobFate(JOB, Fate.WAITS),), f"{JOB} still waits: its owner should look at its events."),
        ((JobFate(JOB, Fate.LOST),), f"{JOB} failed for good before the repair was done: its owner must submit"),
        ((), f"{JOB} is gone: its owner must submit it again if it is still wanted."),
        (None, f"{JOB} is gone: its owner must submit it again if it is still wanted."),
    ],
)
def test_the_owner_hears_what_to_do(jobs: tuple[JobFate, ...] | None, said: str) -> None:
    assert said in ended(jobs=jobs).why


def test_a_repair_in_doubt_says_what_to_do_as_well() -> None:
    closed = ended(verdict=Verdict.INCONCLUSIVE)
    assert closed.result is Result.UNPROVEN
    assert closed.why.startswith("The repair is in place, but in doubt: it was seen.")
    assert f"Nothing to do for the owner of {JOB}." in closed.why


def test_only_files_of_the_node_are_lost_by_its_rebuild() -> None:
    assert REBUILD in ended(Verb.CONFIGURE).why
    assert REBUILD in ended(Verb.INSTALL).why
    assert REBUILD not in ended(Verb.LABEL).why

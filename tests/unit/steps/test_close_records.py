"""IMS records are closed only for jobs that are lost, with patience for an IMS that restarts."""

from datetime import timedelta

from bot.core.action import Action, Api, CloseRecords, Done, Fail, ImsRecord, Outcome, OutcomeKind, Wait
from bot.core.objects import Condition, Job, JobStatus, Meta
from bot.steps.close_records import AGAIN_S, CloseLostRecords
from tests.unit.steps import samples

FIRST, SECOND = ImsRecord("1111", "cray-ims-1111-create"), ImsRecord("2222", "cray-ims-2222-create")
STEP = CloseLostRecords(url="https://api/ims/v3", records=(FIRST, SECOND))


def complete(record: ImsRecord) -> Job:
    ended = JobStatus(conditions=(Condition(type="Complete", status="True"),))
    return Job(metadata=Meta(name=record.job), status=ended)


SECOND_RUNS = (complete(SECOND),)
"""The first one is not there: it was deleted, so it is lost."""


def ask(*jobs: Job, outcome: Outcome | None = None, after_s: float = 0) -> Action:
    facts = samples.facts(
        cluster=samples.cluster(rescued_jobs=jobs, rescued=()),
        outcomes={"close-records": outcome} if outcome else {},
        acted=samples.NOW if outcome else None,
        now=samples.NOW + timedelta(seconds=after_s),
    )
    return STEP.next(facts)


def test_only_the_record_of_a_lost_job_is_closed() -> None:
    action = ask(*SECOND_RUNS)
    assert isinstance(action, Api)
    assert CloseRecords((FIRST,)) == action.change


def test_nothing_is_closed_while_no_job_is_lost() -> None:
    assert isinstance(ask(complete(FIRST), *SECOND_RUNS), Done)


def test_an_ims_that_does_not_answer_is_asked_again_but_not_at_once() -> None:
    unknown = Outcome(OutcomeKind.UNKNOWN, output="PATCH …: HTTP 503")
    assert isinstance(ask(*SECOND_RUNS, outcome=unknown, after_s=AGAIN_S - 1), Wait)
    assert isinstance(ask(*SECOND_RUNS, outcome=unknown, after_s=AGAIN_S), Api)


def test_a_refusal_ends_the_step() -> None:
    assert isinstance(ask(*SECOND_RUNS, outcome=Outcome(OutcomeKind.REFUSED, output="1111: …")), Fail)


def test_a_job_that_is_lost_after_the_change_is_not_told_as_closed_but_closed() -> None:
    closed_first = Outcome(OutcomeKind.OK, output="1111: was creating, is error now")
    done = ask(*SECOND_RUNS, outcome=closed_first)
    assert isinstance(done, Done)
    assert "IMS: 1111: was creating, is error now" == done.evidence
    action = ask(outcome=closed_first)
    assert isinstance(action, Api)
    assert CloseRecords((FIRST, SECOND)) == action.change

"""Set the IMS records of lost jobs to `error`, so that who waits for them goes on: a CFS session polls for ever.

Only for records that the plan names, at the end of the repair, and only when the Kubernetes Job failed for good or
was deleted by then: such a job cannot be rescued by anything. One that runs or may still run is never touched.
It is the last step, approved with the rest; without the section `ims`, or where the rules do not allow `record`,
there is none.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Api, CloseRecords, Done, ImsRecord, Outcome, OutcomeKind, Wait
from bot.core.facts import Facts
from bot.core.fate import Fate, job_fates
from bot.core.model import Verb
from bot.steps.situation import Situation
from bot.steps.step import Step, failed

AGAIN_S = 60.0
"""How long after an unanswered try the next one begins: IMS and its gateway restart in about that."""

_SHOWN = 5


class CloseLostRecords(Step, frozen=True, kw_only=True, tag="close-records"):
    verb: ClassVar[Verb] = Verb.RECORD
    needs_node: ClassVar[bool] = False
    aftercare: ClassVar[bool] = True

    url: str
    records: tuple[ImsRecord, ...]
    """Of the jobs that hung when the plan was made."""

    @property
    def title(self) -> str:
        return "set the IMS record to error where the job cannot be rescued"

    @property
    def detail(self) -> tuple[str, ...]:
        return tuple(
            f"PATCH {self.url}/jobs/{record.id} status=error, only if {record.job} failed or is gone by then"
            for record in self.records
        )

    @property
    def desired(self) -> dict[str, Any]:
        """Not which: a job that joins the incident later is left alone, and is no reason to ask again."""
        return {"ims": self.url, "lost": "error"}

    def next(self, facts: Facts) -> Action:
        fates = {each.job: each.fate for each in job_fates(facts.cluster.rescued_jobs, facts.cluster.rescued)}
        lost = tuple(record for record in self.records if fates.get(record.job, Fate.LOST) is Fate.LOST)
        if not lost:
            return Done("no IMS record has to be closed: no job is lost")
        if failure := failed(facts, "close-records"):
            return failure
        outcome = facts.outcomes.get("close-records")
        if outcome is not None and outcome.kind is OutcomeKind.UNKNOWN and facts.acted is not None:
            until = facts.acted + timedelta(seconds=AGAIN_S)
            if facts.now < until:
                return Wait(until=until, why="IMS did not answer", poll_s=AGAIN_S)
        elif outcome is not None and _told(outcome) >= {record.id for record in lost}:
            return Done(f"IMS: {_cut(outcome.output.splitlines())}")
        return Api(CloseRecords(lost), f"set {_cut([record.id for record in lost])} to error in IMS")


def _told(outcome: Outcome) -> set[str]:
    """The records that a good outcome is about; a job may have been lost since."""
    return {line.partition(":")[0] for line in outcome.output.splitlines()}


def _cut(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}"


def propose(s: Situation) -> CloseLostRecords | None:
    if s.settings.ims is None or not s.records or Verb.RECORD not in s.ceiling:
        return None
    return CloseLostRecords(
        url=s.settings.ims.url.rstrip("/"),
        records=s.records,
        why="IMS never hears of a lost job, and whoever polls its record waits for ever",
    )

"""One incident as it stands: a value that `core/lifecycle` makes out of the journal's entries, and nobody else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core import entries as e
from bot.core.action import Outcome, Verdict
from bot.core.fate import JobFate
from bot.core.model import (
    Actor,
    CardRef,
    Diagnosis,
    Family,
    IncidentId,
    Plan,
    PlannedStep,
    Result,
    Sighting,
    Target,
)
from bot.core.pause import Halt


class Phase(StrEnum):
    """Where an incident stands between opened and closed."""

    OPENED = "opened"
    """Facts and plan are wanted."""
    UNASKED = "unasked"
    PLANNED = "planned"
    """There is a plan; its question was not delivered yet."""
    ASKED = "asked"
    APPROVED = "approved"
    RUNNING = "running"
    UNDOING = "undoing"
    HELD = "held"
    CLOSED = "closed"


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step of the plan or of the undo, as far as it has come."""

    planned: PlannedStep
    state: StepState = StepState.WAITING
    began: datetime | None = None
    heard: datetime | None = None
    """What the cluster had said of the hanging jobs when it began; newer stamps are news."""
    ended: datetime | None = None
    evidence: str = ""
    verdict: Verdict | None = None
    jobs: tuple[JobFate, ...] | None = None
    acts: tuple[e.Intended, ...] = ()
    outcomes: tuple[tuple[int, Outcome], ...] = ()
    """(seq, outcome) of its ended acts."""

    @property
    def pending(self) -> e.Intended | None:
        """The act whose outcome is not known: it may be running on the node this very moment."""
        ended = {seq for seq, _ in self.outcomes}
        return next((act for act in self.acts if act.seq not in ended), None)


@dataclass(frozen=True, slots=True)
class Incident:
    """One repair of one target: the fold of its entries."""

    id: IncidentId
    target: Target
    phase: Phase
    opened_at: datetime
    changed_at: datetime
    began_with: Family | None = None
    """What it was opened for; `None` when a person asked or a sweep found it, whatever was seen later."""
    sightings: tuple[Sighting, ...] = ()
    plan: Plan | None = None
    plans_made: int = 0
    """How many plans there were: an answer counts for one of them."""
    changed: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    chosen: e.Chosen | None = None
    card: CardRef | None = None
    asked: e.Asked | None = None
    reminded: bool = False
    reminders: int = 0
    """How often people were reminded, of the question or of a held node."""
    told_at: datetime | None = None
    """When it was held, or people were last reminded."""
    answer: e.Answered | None = None
    starts: tuple[e.Started, ...] = ()
    suspended: e.Suspended | None = None
    """Stands still in the middle of its repair, because the bot is paused."""
    steps: tuple[StepProgress, ...] = ()
    undo: tuple[StepProgress, ...] = ()
    release: bool = False
    failure: e.Failed | None = None
    abort: Actor | None = None
    held: str = ""
    unasked: str = ""
    swept: e.Swept | None = None
    """Set when a sweep opened it, before any job failed."""
    storm: str = ""
    """Name of the storm that it was unasked for; kept when a person picks it, for the storm's card."""
    requested_by: Actor | None = None
    last_seq: int = 0
    closed: e.Closed | None = None
    echoes: int = 0
    """Sightings that stayed quiet after the end; counted in memory, shown on the old card."""
    halt: Halt | None = None
    """Why the whole bot starts nothing now; put in for its card only."""

    @property
    def families(self) -> tuple[Family, ...]:
        return tuple(dict.fromkeys(s.family for s in self.sightings))

    def serves(self, runtime_class: str) -> bool:
        """Whether one of its sightings asked for this RuntimeClass."""
        return any(s.runtime_class == runtime_class for s in self.sightings)

    @property
    def rests(self) -> bool:
        """As a sweep opened it: nobody has picked it, and no job has failed on its target."""
        return self.swept is not None and self.phase is Phase.UNASKED and not self.storm

    @property
    def standing(self) -> tuple[object, ...]:
        """All that people and the watch may change before a repair has begun: whoever decides something in several
        turns compares it before and after."""
        return self.phase, self.plans_made, self.answer, self.abort, self.families

    @property
    def touched(self) -> bool:
        """Whether an act was announced: until then nothing is to be undone, and every look counts again."""
        return self.last_seq > 0

    @property
    def under_way(self) -> bool:
        """Between its first act and its end: its target is ours to finish."""
        return self.touched and self.phase in {Phase.RUNNING, Phase.UNDOING}

    @property
    def unsettled(self) -> tuple[e.Intended, ...]:
        """Commands that may be running on the node this very moment."""
        acts = (step.pending for step in (*self.steps, *self.undo))
        return tuple(act for act in acts if act is not None and act.command is not None)

    @property
    def speaks(self) -> bool:
        """Whether it has a card of its own, or gets one: not while it is unasked, and not when it ends so."""
        return self.card is not None or not self.unasked

    @property
    def observed(self) -> tuple[str, ...]:
        """Who says that its plan is only observed; empty when it may be, or was, asked about."""
        if self.plan is None or self.diagnosis is not None or self.touched:
            return ()
        return self.plan.observed if self.result in {None, Result.DIAGNOSED} else ()

    @property
    def open(self) -> bool:
        return self.phase is not Phase.CLOSED

    @property
    def result(self) -> Result | None:
        return self.closed.result if self.closed else None

    @property
    def moving(self) -> tuple[StepProgress, ...]:
        """The steps that the runner works on: the undo's once there is one."""
        return self.undo if self.phase is Phase.UNDOING or self.undo else self.steps

    @property
    def current(self) -> StepProgress | None:
        """The first step that is not done; `None` when all are."""
        return next((s for s in self.moving if s.state is not StepState.DONE), None)

    @property
    def acted(self) -> tuple[str, ...]:
        """Names of the plan's steps that announced at least one act: what an undo must look at."""
        return tuple(s.planned.name for s in self.steps if s.acts)

    @property
    def verdict(self) -> Verdict | None:
        """The weakest verdict of the verifications so far."""
        verdicts = [s.verdict for s in self.steps if s.verdict]
        if self.failure and self.failure.verdict:
            verdicts.append(self.failure.verdict)
        order = [Verdict.DISPROVEN, Verdict.INCONCLUSIVE, Verdict.PROVEN]
        return min(verdicts, key=order.index, default=None)

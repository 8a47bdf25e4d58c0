"""How long steps took, gathered from the incidents of the journal into histograms."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.core.incident import Incident, StepProgress

BOUNDS_S: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""From one PATCH to the unpacking of an archive (15 min at most) and a wait for running jobs."""

Kind = tuple[str, str, str]
"""(step, `repair` or `undo`, `done` or `failed`)."""


@dataclass(slots=True)
class StepDurations:
    """Those of one kind of step."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    """How many took at most each bound and longer than the one before; the last ones longer than all."""
    sum_s: float = 0.0

    @classmethod
    def of(cls, incidents: Iterable[Incident]) -> dict[Kind, "StepDurations"]:
        """Every step that has begun and ended; one that was not needed any more never began.

        Steps of an open incident that has touched nothing may begin anew, so they do not count yet.
        """
        found: dict[Kind, StepDurations] = {}
        for incident in (i for i in incidents if i.touched or not i.open):
            for plan, steps in (("repair", incident.steps), ("undo", incident.undo)):
                for step, seconds in _ended(steps):
                    kind = (step.planned.name, plan, step.state.value)
                    found.setdefault(kind, cls()).add(seconds)
        return found

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        total = 0.0
        found: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found


def _ended(steps: Sequence[StepProgress]) -> Iterator[tuple[StepProgress, float]]:
    for step in steps:
        if step.began is not None and step.ended is not None:
            yield step, max(0.0, (step.ended - step.began).total_seconds())

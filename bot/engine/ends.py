"""Why a runner ends before every step is done, beside the errors of the world (`bot.core.errors`) and a pause."""

from bot.core.action import Fail


class StepFailed(Exception):
    """A step of the plan or of its undo cannot reach its end state."""

    def __init__(self, step: str, failure: Fail) -> None:
        super().__init__(failure.why)
        self.step = step
        self.failure = failure


class Stopping(Exception):
    """The program ends: no new command starts (design.md invariant 5)."""


class TakenOver(Exception):
    """A person removed our annotation or set a hold; the incident is held as it is."""

"""The acts of one step, as its progress tells them: what the step hears of them, and when they were enough."""

from dataclasses import replace

from bot.core.action import Api, Fail, OutcomeKind, Run
from bot.core.facts import Facts
from bot.core.incident import StepProgress
from bot.engine.ends import StepFailed

SAME_ACT_LIMIT = 3
"""A step that asks for the same act again and again does not reach its end state."""


def with_acts(facts: Facts, progress: StepProgress) -> Facts:
    """The facts, and what the step itself has done so far."""
    keys = {act.seq: act.key for act in progress.acts}
    outcomes = {keys[seq]: outcome for seq, outcome in progress.outcomes}
    acted = progress.acts[-1].at if progress.acts else None
    return replace(facts, outcomes=outcomes, acted=acted, heard=progress.heard)


def refuse_repetition(progress: StepProgress, key: str) -> None:
    """Raises StepFailed when the step asks again for an act that failed, or that did not help often enough."""
    outcomes = [outcome for seq, outcome in progress.outcomes if _key_of(progress, seq) == key]
    name = progress.planned.name
    if outcomes and outcomes[-1].kind in {OutcomeKind.FAILED, OutcomeKind.TIMEOUT, OutcomeKind.REFUSED}:
        last = outcomes[-1]
        raise StepFailed(name, Fail(f"{key} ended with {last.kind.value}: {last_line(last.output)}"))
    if len(outcomes) >= SAME_ACT_LIMIT and outcomes[-1].kind is OutcomeKind.UNKNOWN:
        said = last_line(outcomes[-1].output)
        raise StepFailed(
            name, Fail(f"{key} was tried {len(outcomes)} times, and how it ended is not known: {said}")
        )
    if len(outcomes) >= SAME_ACT_LIMIT:
        raise StepFailed(name, Fail(f"{key} was done {len(outcomes)} times and its end state is still not there"))


def _key_of(progress: StepProgress, seq: int) -> str:
    return next(act.key for act in progress.acts if act.seq == seq)


def last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def has_begun(progress: StepProgress, action: Run | Api) -> bool:
    """Whether the step began on its node before this action.

    An announced act counts, because a pause's own record comes after its entry. But when the step asks for its
    first act again, the node never got it.
    """
    if not progress.acts:
        return False
    return not (isinstance(action, Run) and action.command.key == progress.acts[0].key)

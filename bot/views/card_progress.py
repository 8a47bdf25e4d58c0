"""How a repair goes and how it ended: one line per step, the failure, the undo, and the last word."""

from collections.abc import Sequence

from bot.core.action import Verdict
from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import Result
from bot.views import mrkdwn as m
from bot.views.blocks import Block, divider, section
from bot.views.wording import step_time

STEPS_LIMIT = 2900
UNDO_LIMIT = 1800
ENDING_LIMIT = 2900
IN_THREAD = "more in the thread"

_MARKS = {
    StepState.WAITING: ":white_circle:",
    StepState.RUNNING: ":hourglass_flowing_sand:",
    StepState.DONE: ":white_check_mark:",
    StepState.FAILED: ":x:",
}
_DOUBTFUL = ":grey_question:"


def steps(i: Incident) -> list[Block]:
    """Progress, one line per step; during an undo and after it its steps too."""
    over = i.failure is not None or i.undo or not i.open or i.phase is Phase.HELD
    blocks = [divider()]
    if i.steps:
        blocks.append(_list("*Repair*", i.steps, STEPS_LIMIT, over=bool(over)))
    if i.failure is not None:
        step, why = m.plain(i.failure.step, 60), m.prose(i.failure.why, 800)
        blocks.append(section(f":octagonal_sign: *Stopped at {step}*\n{why}"))
    if i.undo:
        blocks.append(_list("*Putting back*", i.undo, UNDO_LIMIT, over=not i.open))
    return blocks


def held(i: Incident) -> Block:
    target = m.plain(i.target.name, 80)
    return section(
        f"{m.prose(i.held, 1200)}\n"
        f":point_right: *A person must act.* Look at the node; then `imsbot release {target}` gives back what is "
        "ours and closes this."
    )


def ending(i: Incident) -> Block:
    """What happened, who decided, and what people must do now."""
    assert i.closed is not None
    lines = [m.prose(i.closed.why, 1200)]
    if i.closed.result is Result.DENIED and i.answer is not None:
        lines.insert(0, f"Denied by {who(i)}, {m.when(i.answer.at)}.")
    if i.diagnosis is not None:
        if i.diagnosis.blockers:
            lines = [f"• {m.code(b.check, 40)}  {m.prose(b.why, 300)}" for b in i.diagnosis.blockers]
        lines += [f":point_right: {m.prose(line, 400)}" for line in i.diagnosis.guidance]
    if i.observed:
        at_once = f", or at once by `imsbot repair {m.plain(i.target.name, 80)}`" if i.target.node else ""
        lines.append(f":point_right: Under `mode: approve` it is asked about when it is seen again{at_once}.")
    if i.echoes:
        again = f"`imsbot repair {m.plain(i.target.name, 80)}` asks again"
        lines.append(f"_Seen {roughly(i.echoes)} since; it stays quiet, {again}._")
    return section(m.fit(lines, ENDING_LIMIT, "more: imsbot show"))


def who(i: Incident) -> str:
    assert i.answer is not None
    return m.person(i.answer.actor)


def roughly(count: int) -> str:
    """Exact while it is small: a card that counts every event is edited for every event."""
    if count < 3:
        return "once" if count == 1 else "twice"
    steps = [unit * 10**power for power in range(9) for unit in (1, 2, 5)]
    return f"at least {max(step for step in steps if step <= count)} times"


def _list(title: str, found: Sequence[StepProgress], limit: int, *, over: bool) -> Block:
    """Once it is over, what was not begun is counted and not listed."""
    left = [step for step in found if step.state is StepState.WAITING] if over else []
    lines = [_line(step) for step in found if step not in left]
    if left:
        lines.append(f":white_circle:  _{len(left)} step{'s' if len(left) > 1 else ''} not begun_")
    return section(m.fit([title, *lines], limit, IN_THREAD))


def _line(step: StepProgress) -> str:
    words = step.evidence if step.state is StepState.DONE and step.evidence else step.planned.title
    doubtful = step.state is StepState.DONE and step.verdict is Verdict.INCONCLUSIVE
    line = f"{_DOUBTFUL if doubtful else _MARKS[step.state]}  {m.plain(words, 200)}"
    if step.state is StepState.RUNNING and step.began is not None:
        return f"{line}  _since {m.clock(step.began)}_"
    took = step_time(step)
    return f"{line}  _{took}_" if took else line

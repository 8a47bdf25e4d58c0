"""Details of an incident for its card's thread: the plan's commands, every step that ended, and what calls people.

An edited card notifies nobody. So what a person must see (a reminder, a held node, the end of a repair that they
approved) is a post of its own, shown in the channel too where that is needed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.action import OutcomeKind
from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import Plan
from bot.views import mrkdwn as m
from bot.views.wording import state_of, step_time

PLAN_LIMIT = 3500
OUTPUT_LIMIT = 1500
OUTPUT_LINES = 20
SHOWN_ACTS = 20


@dataclass(frozen=True, slots=True)
class Post:
    """`key` is the same for ever, so that a post is made once, restarts of the program included."""

    key: str
    text: str
    broadcast: bool = False
    """Shown in the channel as well."""


def thread_posts(i: Incident) -> Iterator[Post]:
    """In the order in which they are made."""
    if i.plan is not None and i.plan.steps:
        yield _plan(i.plan)
    if i.reminders and i.phase in {Phase.ASKED, Phase.HELD}:
        yield _reminder(i)
    for kind, steps in (("step", i.steps), ("undo", i.undo)):
        for step in steps:
            if step.acts and step.state in {StepState.DONE, StepState.FAILED}:
                yield Post(f"{kind}-{step.planned.name}", _step(step))
    if i.phase is Phase.HELD:
        name = hashlib.sha256(i.held.encode()).hexdigest()[:8]
        text = f":red_circle: *{m.plain(i.target.name, 80)} is held: a person must act.* {m.prose(i.held, 800)}"
        yield Post(f"held-{name}", text, broadcast=True)
    if i.closed is not None and i.starts:
        yield Post("closed", _closed(i))


def _plan(plan: Plan) -> Post:
    lines: list[str] = []
    for number, step in enumerate(plan.steps, 1):
        lines += [f"{number}. {step.title}", *(f"     {line}" for line in (*step.detail, *step.diff))]
    block = m.code_block(lines, PLAN_LIMIT, "more lines: imsbot show")
    return Post(f"plan-{plan.digest[:12]}", f"*Plan in full* `{plan.digest}`\n{block}")


def _reminder(i: Incident) -> Post:
    where = m.plain(i.target.name, 80)
    if i.phase is Phase.HELD:
        text = f":red_circle: *{where} is still held: a person must act.* {m.prose(i.held, 300)}"
    else:
        assert i.asked is not None
        expires = m.when(i.asked.expires_at)
        text = f":bell: *The repair of {where} still waits for an answer.* It expires {expires}."
    return Post(f"reminder-{i.reminders}", text, broadcast=True)


def _step(step: StepProgress) -> str:
    """A step that ended: each of its acts, and the output of those that did not go well."""
    mark = ":white_check_mark:" if step.state is StepState.DONE else ":x:"
    took = f"  _{took}_" if (took := step_time(step)) else ""
    lines = [f"{mark} *{m.plain(step.planned.title, 200)}*{took}", m.plain(step.evidence, 300)]
    acts = {act.seq: act for act in step.acts}
    for seq, outcome in step.outcomes[-SHOWN_ACTS:]:
        code = "" if outcome.exit_code is None else f", exit code {outcome.exit_code}"
        lines.append(f"• {m.plain(acts[seq].purpose, 200)}: {outcome.kind}{code}")
    text = "\n".join(line for line in lines if line)
    bad = next((o for _, o in reversed(step.outcomes) if o.kind is not OutcomeKind.OK and o.output.strip()), None)
    if bad is not None:
        text += "\n" + m.code_block(bad.output.splitlines()[-OUTPUT_LINES:], OUTPUT_LIMIT)
    return text


def _closed(i: Incident) -> str:
    """Tells whoever approved it how it ended."""
    assert i.closed is not None
    actor = i.answer.actor if i.answer is not None else None
    person = f"{m.mention(actor.user)} " if actor is not None and actor.via == "slack" else ""
    return f"{person}*{m.plain(i.target.name, 80)}: {state_of(i)}.* {m.prose(i.closed.why, 800)}"

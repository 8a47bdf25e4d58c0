"""Details of an incident for its card's thread: the plan's commands, and every act that ended."""

from bot.core.action import OutcomeKind
from bot.core.incident import Incident
from bot.views import mrkdwn as m


def thread_posts(i: Incident) -> list[tuple[str, str]]:
    """(key, text) of each post. A key is the same for ever, so that a post is made once, restarts included."""
    posts = []
    if i.plan is not None and i.plan.steps:
        lines: list[str] = []
        for number, planned in enumerate(i.plan.steps, 1):
            lines += [f"{number}. {planned.title}", *(f"     {x}" for x in (*planned.detail, *planned.diff))]
        posts.append((f"plan-{i.plan.digest[:12]}", f"*Plan* `{i.plan.digest}`\n{m.code_block(lines)}"))
    for step in (*i.steps, *i.undo):
        acts = {act.seq: act for act in step.acts}
        for seq, outcome in step.outcomes:
            code = "" if outcome.exit_code is None else f", exit code {outcome.exit_code}"
            text = f"*{m.plain(step.planned.name, 40)}*  {m.plain(acts[seq].purpose, 300)}: {outcome.kind}{code}"
            if outcome.output.strip() and outcome.kind is not OutcomeKind.OK:
                text += "\n" + m.code_block(outcome.output.splitlines()[-20:], 1500)
            posts.append((f"act-{seq}", text))
    return posts

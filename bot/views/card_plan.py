"""The question on a card: the exact plan as it would be approved, its diff, and what it disturbs.

Each part keeps to its own share of Slack's 13,200 characters, so that no plan however long makes a card that Slack
refuses. What does not fit is in the thread and in `imsbot show`.
"""

from itertools import pairwise

from bot.core.incident import Incident
from bot.core.model import Disruption, Plan, PlannedStep, Verb
from bot.views import mrkdwn as m
from bot.views.blocks import SECTION_LIMIT, Block, context, divider, section

CHANGED_LIMIT = 800
STEPS_LIMIT = 2900
DIFFS_LIMIT = 2000
DISTURBS_LIMIT = 700
LISTS_LIMIT = 500

SHOWN_DIFF = 16
"""Lines of one step's diff on the card."""

IN_THREAD = "more in the thread"

_DISTURBS = {
    Disruption.NONE: "nothing that runs: no restart, no cordon",
    Disruption.RESTART_KEEPS: "containerd restarts (about a second); running containers stay, new ones wait",
    Disruption.RESTART_KILLS: "containerd restarts and every container on the node is killed",
    Disruption.DRAIN: "the node is drained",
}


_ALWAYS = frozenset({Verb.CORDON, Verb.VERIFY, Verb.UNCORDON})
"""Part of every repair of their kind: their reasons are in the thread, and would hide those that matter here."""


def question(i: Incident, plan: Plan) -> list[Block]:
    """Blocks of a plan that waits, for its answer or for its start."""
    return [divider(), *_changed(i), _steps(plan), *_diffs(plan), _disturbs(plan), *_lists(plan)]


def _changed(i: Incident) -> list[Block]:
    if not i.changed:
        return []
    title = ":arrows_counterclockwise: *The plan changed, so an earlier answer does not count*"
    return [section(m.fit([title, *m.bullets(i.changed, 250)], CHANGED_LIMIT, IN_THREAD))]


def _steps(plan: Plan) -> Block:
    count = len(plan.steps)
    what = "What it would do" if plan.observed else "Plan"
    title = f"*{what}*  {count} step{'s' if count != 1 else ''}"
    lines = [_step(number, step) for number, step in enumerate(plan.steps, 1)]
    return section(m.fit([title, *lines], STEPS_LIMIT, IN_THREAD))


def _step(number: int, step: PlannedStep) -> str:
    title = f"*{number}.*  {m.plain(step.title, 160)}"
    return title if step.verb in _ALWAYS else f"{title}  —  _{m.plain(step.why, 160)}_"


def _diffs(plan: Plan) -> list[Block]:
    """What is added to files, blank lines aside."""
    found: list[Block] = []
    room = DIFFS_LIMIT
    for number, step in enumerate(plan.steps, 1):
        lines = _tidied([line for line in step.diff if line.strip(" +")])
        if not lines:
            continue
        caption = f"*Step {number} adds*"
        if room < len(caption) + 200:
            found.append(context([f"_More is added by later steps: {IN_THREAD}._"]))
            break
        text = f"{caption}\n{m.code_block(_shortened(lines), room - len(caption) - 1, IN_THREAD)}"
        room -= len(text)
        found.append(section(text))
    return found


def _tidied(lines: list[str]) -> list[str]:
    """Without the file's own indentation, and without a table header that only says where another one is put."""
    needed = [
        line
        for line, following in pairwise([*lines, ""])
        if line.startswith("+") or not following.removeprefix("+").lstrip().startswith("[")
    ]
    added = [line[2:] for line in needed if line.startswith("+ ")]
    indent = min((len(line) - len(line.lstrip()) for line in added), default=0)
    return [f"+ {line[2 + indent :]}" if line.startswith("+ ") else line for line in needed]


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= SHOWN_DIFF:
        return lines
    return [*lines[: SHOWN_DIFF - 1], f"… {len(lines) - SHOWN_DIFF + 1} {IN_THREAD}"]


def _disturbs(plan: Plan) -> Block:
    lines = m.bullets(plan.disturbs or (_DISTURBS[plan.disruption],), 250)
    title = "*Would disturb*" if plan.observed else "*Disturbs*"
    return section(m.fit([title, *lines], DISTURBS_LIMIT, IN_THREAD))


def _lists(plan: Plan) -> list[Block]:
    lists = (
        (":skull: *Would die*", plan.dies),
        (":warning: *Not checked*", plan.not_checked),
        (":memo: *Notes*", plan.notes),
    )
    return [
        section(m.fit([title, *m.bullets(items, 250)], LISTS_LIMIT, IN_THREAD)) for title, items in lists if items
    ]


assert max(STEPS_LIMIT, DIFFS_LIMIT) <= SECTION_LIMIT

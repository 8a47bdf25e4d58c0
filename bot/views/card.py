"""One incident as one Slack card, and the details for its thread.

The card is drawn anew from the incident at every change; nothing is remembered here, and nothing is ever read back
from Slack (style.md: Slack text is no state). Order of reading: what state is it in, what failed and where, why we
think so, what exactly would be done, what that disturbs, then progress, then the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import Disruption, Plan, Result
from bot.views import mrkdwn as m
from bot.views.thread import thread_posts
from bot.views.wording import duration, state_of, step_time

Block = dict[str, Any]
"""A Block Kit block, as Slack's API takes it."""

APPROVE = "imsbot-approve"
DENY = "imsbot-deny"

SHOWN_DIFF = 16
"""Lines of the diff on the card; the thread has all."""

_MARKS = {
    StepState.WAITING: ":white_circle:",
    StepState.RUNNING: ":hourglass_flowing_sand:",
    StepState.DONE: ":white_check_mark:",
    StepState.FAILED: ":x:",
}
_PHASE_MARKS = {
    Phase.OPENED: ":mag:",
    Phase.UNASKED: ":pause_button:",
    Phase.PLANNED: ":raised_hand:",
    Phase.ASKED: ":raised_hand:",
    Phase.APPROVED: ":hourglass_flowing_sand:",
    Phase.RUNNING: ":hammer_and_wrench:",
    Phase.UNDOING: ":leftwards_arrow_with_hook:",
    Phase.HELD: ":red_circle:",
}
_RESULT_MARKS = {
    Result.HEALED: ":large_green_circle:",
    Result.UNPROVEN: ":large_yellow_circle:",
    Result.RESTORED: ":large_orange_circle:",
    Result.DENIED: ":no_entry_sign:",
    Result.EXPIRED: ":alarm_clock:",
    Result.WITHDRAWN: ":heavy_minus_sign:",
    Result.DIAGNOSED: ":stethoscope:",
}
_DISTURBS = {
    Disruption.NONE: "Nothing that runs: no restart, no cordon.",
    Disruption.RESTART_KEEPS: "containerd restarts (about a second); running containers stay, new ones wait.",
    Disruption.RESTART_KILLS: "containerd restarts and *every container on the node is killed*.",
    Disruption.DRAIN: "The node is drained.",
}


class ButtonValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a button carries: which incident, and which exact plan the person saw."""

    incident: str
    digest: str


@dataclass(frozen=True, slots=True)
class Card:
    text: str
    """What notifications and screen readers say."""
    blocks: tuple[Block, ...]
    thread: tuple[tuple[str, str], ...]
    """(key, text): each posted once into the thread; the key finds it again after a restart."""


def render_card(incident: Incident) -> Card:
    """Pure and total: it draws every incident that `fold` can make."""
    headline = f"{_title(incident)}: {state_of(incident)}"
    blocks = [
        {"type": "header", "text": _plain_text(f"{_mark(incident)} {headline}", m.HEADER_LIMIT)},
        *_summary(incident),
        *_body(incident),
        _footer(incident),
        *_buttons(incident),
    ]
    return Card(m.cut(m.escape(headline), 300), tuple(_within_total(blocks)), tuple(thread_posts(incident)))


def _mark(i: Incident) -> str:
    return _RESULT_MARKS[i.result] if i.result else _PHASE_MARKS[i.phase]


def _title(i: Incident) -> str:
    what = f"RuntimeClass {i.target.name}" if i.target.node is None else i.target.name
    if i.families:
        return f"{what} · {' + '.join(i.families)}"
    return f"{what} · repair asked for"


def _plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": m.cut(m.visible(text), limit), "emoji": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": m.cut(text, m.SECTION_LIMIT)}}


def _summary(i: Incident) -> list[Block]:
    """What failed, where, and why we think so."""
    lines = []
    jobs = tuple(dict.fromkeys(s.job_name for s in i.sightings if s.job_name))
    if jobs:
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        lines.append(f"*What hangs*  {', '.join(m.code(name, 80) for name in jobs[:3])}{more}")
    where = m.code(i.target.name, 80)
    if i.chosen is not None:
        where += f" (chosen: {m.plain(i.chosen.why, 200)})"
    lines.append(f"*Where*  {where}")
    if i.sightings:
        last = i.sightings[-1]
        lines.append(f"*Why*  rule {m.code(last.rule, 60)} matched on {last.kind} {m.code(last.name, 80)}:")
        lines.append(m.code_block([last.message], 500))
    if i.requested_by is not None:
        lines.append(f"*Asked for by*  {m.plain(i.requested_by.user, 80)}")
    return [_section("\n".join(lines))]


def _body(i: Incident) -> list[Block]:
    if i.phase is Phase.HELD:
        how = f"Look at the node, then `imsbot release {i.target.name}` gives back what is still ours."
        return [
            *_steps(i),
            {"type": "divider"},
            _section(f":rotating_light: *A person must act.* {m.plain(i.held)}\n{how}"),
        ]
    if i.closed is not None:
        return [*_ending(i), *(_steps(i) if i.starts else [])]
    if i.phase is Phase.UNASKED:
        return [_section(f"*Not asked:* {m.plain(i.unasked)}")]
    if i.plan is None:
        return [_section("Reading the facts of the node and of the cluster …")]
    if i.phase in {Phase.RUNNING, Phase.UNDOING}:
        return _steps(i)
    return _question(i, i.plan)


def _question(i: Incident, plan: Plan) -> list[Block]:
    """The exact plan, as it would be approved."""
    blocks: list[Block] = [{"type": "divider"}]
    if i.changed:
        changed = "\n".join(f"• {m.plain(line, 300)}" for line in i.changed)
        blocks.append(
            _section(f":arrows_counterclockwise: *The plan changed; an earlier answer does not count.*\n{changed}")
        )
    steps = "\n".join(
        f"{number}. {m.plain(step.title, 200)}  _{m.plain(step.why, 160)}_"
        for number, step in enumerate(plan.steps, 1)
    )
    blocks.append(_section(f"*Plan* `{plan.digest[:12]}`\n{steps}"))
    for step in plan.steps:
        if step.diff:
            shown = list(step.diff[:SHOWN_DIFF])
            if len(step.diff) > SHOWN_DIFF:
                shown.append(f"… {len(step.diff) - SHOWN_DIFF} more lines in the thread")
            blocks.append(_section(m.code_block(shown, 1800)))
    disturbs = "\n".join(f"• {m.plain(line, 300)}" for line in plan.disturbs) or _DISTURBS[plan.disruption]
    blocks.append(_section(f"*Disturbs*  {disturbs}"))
    blocks += _lists(plan)
    return blocks


def _lists(plan: Plan) -> list[Block]:
    found: list[Block] = []
    for title, items in (
        (":skull: *Would die*", plan.dies),
        (":warning: *Not checked*", plan.not_checked),
        ("*Notes*", plan.notes),
    ):
        if items:
            lines = "\n".join(f"• {m.plain(item, 300)}" for item in items[:12])
            found.append(_section(f"{title}\n{lines}"))
    return found


def _steps(i: Incident) -> list[Block]:
    """Progress, one line per step; during an undo its steps too."""
    blocks: list[Block] = [{"type": "divider"}]
    if i.answer is not None and i.answer.approve:
        blocks.append(_section(f"Approved by {_who(i)} {m.when(i.answer.at)}"))
    if i.steps:
        blocks.append(_section("\n".join(map(_step_line, i.steps))))
    if i.failure is not None:
        blocks.append(_section(f":x: *{m.plain(i.failure.step, 60)}*: {m.plain(i.failure.why)}"))
    if i.undo:
        blocks.append(_section("*Putting back*\n" + "\n".join(map(_step_line, i.undo))))
    return blocks


def _step_line(step: StepProgress) -> str:
    took = step_time(step)
    tail = f"  _{took}_" if took else ""
    words = step.evidence if step.state is StepState.DONE and step.evidence else step.planned.title
    return f"{_MARKS[step.state]} *{m.plain(step.planned.name, 40)}*  {m.plain(words, 200)}{tail}"


def _who(i: Incident) -> str:
    assert i.answer is not None
    actor = i.answer.actor
    return m.mention(actor.user) if actor.via == "slack" else m.plain(f"{actor.user} at the terminal", 120)


def _ending(i: Incident) -> list[Block]:
    assert i.closed is not None
    lines = [m.plain(i.closed.why, 1200)]
    if i.closed.result is Result.DENIED and i.answer is not None:
        lines.insert(0, f"Denied by {_who(i)} {m.when(i.answer.at)}.")
    if i.diagnosis is not None:
        lines += [f"• {m.code(b.check, 40)} {m.plain(b.why, 300)}" for b in i.diagnosis.blockers[:10]]
        lines += [f":point_right: {m.plain(line, 400)}" for line in i.diagnosis.guidance[:8]]
    if i.echoes:
        lines.append(
            f"_Seen {i.echoes} more times since; it stays quiet. `imsbot repair {i.target.name}` asks again._"
        )
    return [{"type": "divider"}, _section("\n".join(lines))]


def _footer(i: Incident) -> Block:
    parts = [f"Incident `{i.id}`", f"opened {m.when(i.opened_at)}"]
    if i.phase is Phase.ASKED and i.asked is not None:
        parts.append(f"expires {m.when(i.asked.expires_at)}")
        if i.reminded:
            parts.append(":bell: *still waiting for an answer*")
    if i.closed is not None:
        parts.append(f"took {duration(i.closed.at - i.opened_at)}")
    if i.plan is not None and not i.starts and i.closed is None:
        parts.append(f"or `imsbot approve {i.id}`")
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(parts)}]}


def _buttons(i: Incident) -> list[Block]:
    if i.phase not in {Phase.PLANNED, Phase.ASKED} or i.plan is None or i.answer is not None:
        return []
    value = msgspec.json.encode(ButtonValue(i.id, i.plan.digest)).decode()
    question = f"Run {len(i.plan.steps)} steps on {i.target.name}? Disruption: {i.plan.disruption}."
    approve = {
        "type": "button",
        "action_id": APPROVE,
        "style": "primary",
        "text": _plain_text("Approve", 75),
        "value": value,
        "confirm": {
            "title": _plain_text("Approve this plan?", 100),
            "text": _plain_text(question, 300),
            "confirm": _plain_text("Approve", 30),
            "deny": _plain_text("Not yet", 30),
        },
    }
    deny = {
        "type": "button",
        "action_id": DENY,
        "style": "danger",
        "text": _plain_text("Deny", 75),
        "value": value,
    }
    return [{"type": "actions", "block_id": f"imsbot-{i.id}", "elements": [approve, deny]}]


def _within_total(blocks: Sequence[Block]) -> list[Block]:
    """Drop the longest sections of code first, until the whole fits; the thread and `imsbot show` have them."""
    kept = list(blocks)
    while sum(len(msgspec.json.encode(b)) for b in kept) > m.TOTAL_LIMIT:
        code = [b for b in kept if b["type"] == "section" and b["text"]["text"].startswith("```")]
        victim = max(code or [b for b in kept if b["type"] == "section"], key=lambda b: len(b["text"]["text"]))
        kept[kept.index(victim)] = _section("_Too long for a card: see the thread, or `imsbot show`._")
    return kept

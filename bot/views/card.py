"""One incident as one Slack card, and the details for its thread.

The card is drawn anew from the incident at every change; nothing is remembered here, and nothing is ever read back
from Slack (style.md: Slack text is no state). Order of reading: what state is it in, what failed and where, why we
think so, what exactly would be done and what that disturbs, or how it went; then the answer, and names and times.
"""

from dataclasses import dataclass

import msgspec

from bot.core.incident import Incident, Phase, StepState
from bot.core.model import Consent, Result
from bot.views import mrkdwn as m
from bot.views.blocks import Block, context, fields, header, plain_text, section
from bot.views.card_halt import halted
from bot.views.card_plan import question
from bot.views.card_progress import ending, held, steps, who
from bot.views.thread import Post, thread_posts
from bot.views.wording import drift_text, duration, reason_of, state_of

APPROVE = "imsbot-approve"
DENY = "imsbot-deny"

_WAITING = {Phase.PLANNED, Phase.ASKED}
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


class ButtonValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a button carries: which incident, and which exact plan the person saw."""

    incident: str
    digest: str


@dataclass(frozen=True, slots=True)
class Card:
    text: str
    """What notifications and screen readers say."""
    blocks: tuple[Block, ...]
    thread: tuple[Post, ...] = ()
    answerable: bool = False
    """Whether it has buttons: one that loses them is shown before all others."""


def render_card(incident: Incident) -> Card:
    """Pure and total: it draws every incident that `fold` can make, within Slack's limits."""
    headline = f"{_state(incident)} · {_target(incident)}"
    buttons = _buttons(incident)
    blocks = [
        header(f"{_mark(incident)}  {headline}"),
        *_news(incident),
        *halted(incident),
        *_summary(incident),
        *_body(incident),
        *buttons,
        context(_footer(incident)),
    ]
    text = m.plain(f"{headline} · {reason_of(incident)}", 300)
    return Card(text, tuple(blocks), tuple(thread_posts(incident)), bool(buttons))


def _mark(i: Incident) -> str:
    if i.observed:
        return ":eyes:"
    if i.suspended is not None:
        return ":pause_button:"
    return _RESULT_MARKS[i.result] if i.result else _PHASE_MARKS[i.phase]


def _state(i: Incident) -> str:
    if i.phase is Phase.RUNNING and i.steps:
        done = sum(step.state is StepState.DONE for step in i.steps)
        doing = "Paused at" if i.suspended is not None else "Repairing,"
        return f"{doing} step {min(done + 1, len(i.steps))} of {len(i.steps)}"
    if i.phase in _WAITING and i.answer is None and not i.observed:
        return "Waiting for an answer"
    words = "not asked" if i.phase is Phase.UNASKED else state_of(i)
    return words[:1].upper() + words[1:]


def _target(i: Incident) -> str:
    return i.target.name if i.target.node else f"RuntimeClass {i.target.name}"


def _summary(i: Incident) -> list[Block]:
    """What failed, where, and why we think so."""
    who_and_where = [f"*Where*\n{_where(i)}"]
    if i.sightings:
        who_and_where.insert(0, f"*Affected*\n{_jobs(i)}")
    if i.requested_by is not None:
        who_and_where.append(f"*Asked for by*\n{m.person(i.requested_by)}")
    if not i.sightings:
        return [fields(who_and_where), *_drift(i)]
    last = i.sightings[-1]
    rule, pod = m.plain(last.rule, 60), m.plain(f"{last.namespace}/{last.name}", 150)
    return [
        fields(who_and_where),
        section(m.code_block([last.message], 600)),
        context([f"rule {rule} · {last.kind} {pod}"]),
    ]


def _drift(i: Incident) -> list[Block]:
    if i.swept is None:
        return []
    lines = [drift_text(drift) for drift in i.swept.drifts]
    return [section(m.code_block(lines, 900)), context([f"found by {m.plain(i.swept.sweep, 60)}"])]


def _jobs(i: Incident) -> str:
    """IMS's own job ids: that is what an image builder knows."""
    named = dict.fromkeys(s.job or s.job_name or s.name for s in i.sightings)
    more = [f"and {len(named) - 3} more"] if len(named) > 3 else []
    ids = [f"IMS job {m.code(name, 90)}" for name in list(named)[:3]]
    return "\n".join([*ids, *more])


def _where(i: Incident) -> str:
    where = m.plain(_target(i), 90)
    return where if i.chosen is None else f"{where}\n_chosen: {m.plain(i.chosen.why, 300)}_"


def _news(i: Incident) -> list[Block]:
    """What a person should read before all else: how it ended, or what they must do."""
    if i.phase is Phase.HELD:
        return [held(i)]
    if i.phase is Phase.UNASKED:
        pick = f":point_right: `imsbot repair {m.plain(i.target.name, 80)}` asks about it all the same."
        return [section(f"{m.prose(i.unasked, 1200)}\n{pick}")]
    return [ending(i)] if i.closed is not None else []


def _body(i: Incident) -> list[Block]:
    if i.phase in {Phase.RUNNING, Phase.UNDOING, Phase.HELD} or (i.closed is not None and i.starts):
        return steps(i)
    if i.plan is not None and i.observed:
        return question(i, i.plan)
    if i.closed is not None or i.phase is Phase.UNASKED:
        return []
    if i.plan is None:
        return [section("Reading the facts of node and cluster …")]
    return question(i, i.plan)


def _footer(i: Incident) -> list[str]:
    names = [f"Incident {i.id}"]
    if i.plan is not None:
        names.append(f"plan {i.plan.digest[:12]}")
    names.append(f"opened {m.when(i.opened_at)}")
    if i.closed is not None:
        names.append(f"took {duration(i.closed.at - i.opened_at)}")
    if i.answer is not None and i.answer.approve:
        names.append(f"approved by {who(i)} {m.when(i.answer.at)}")
    lines = [" · ".join(names)]
    if i.phase is Phase.ASKED and i.answer is None and i.asked is not None:
        late = ":bell: *nobody has answered yet* · " if i.reminded else ""
        lines.append(f"{late}expires {m.when(i.asked.expires_at)} · or `imsbot approve {i.id}`")
    return lines


def _buttons(i: Incident) -> list[Block]:
    plan = i.plan
    if i.phase not in _WAITING or plan is None or plan.approval is Consent.NONE or i.answer is not None:
        return []
    if plan.observed:
        return []
    value = msgspec.json.encode(ButtonValue(i.id, plan.digest)).decode()
    asked = f"Run {len(plan.steps)} steps on {i.target.name}. It disturbs: {plan.disruption}."
    approve = _button(APPROVE, "Approve", "primary", value)
    approve["confirm"] = {
        "title": plain_text("Approve this plan?", 100),
        "text": plain_text(asked, 300),
        "confirm": plain_text("Approve", 30),
        "deny": plain_text("Not yet", 30),
    }
    deny = _button(DENY, "Deny", "danger", value)
    elements = [deny] if i.halt is not None else [approve, deny]
    return [{"type": "actions", "block_id": f"imsbot-{i.id}", "elements": elements}]


def _button(action: str, label: str, style: str, value: str) -> Block:
    return {
        "type": "button",
        "action_id": action,
        "style": style,
        "text": plain_text(label, 75),
        "value": value,
    }

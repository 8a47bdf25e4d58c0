"""Incidents for the terminal: one row each, or one of them whole.

Text from the cluster goes into `rich.text.Text`, never into markup: it is hostile (design.md invariant 13).
"""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.core.incident import Incident, StepProgress
from bot.core.model import Diagnosis, Plan
from bot.core.pause import Halt, halt_text, way_out
from bot.views.wording import (
    BAD_OUTCOMES,
    STEP_MARKS,
    actor_name,
    duration,
    moment,
    reason_of,
    state_of,
    step_time,
)


def incident_table(incidents: Iterable[Incident]) -> Table:
    """One row per incident."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "TARGET", "FAILURE", "STATE", "OPENED", "LAST CHANGE", "ANSWER"):
        table.add_column(column, overflow="fold", no_wrap=column == "ID")
    for i in incidents:
        answer = i.answer
        verb = "" if answer is None else ("approved by " if answer.approve else "denied by ") + answer.actor.user
        table.add_row(
            i.id,
            i.target.name,
            reason_of(i),
            state_of(i),
            moment(i.opened_at),
            moment(i.changed_at),
            verb,
        )
    return table


def halt_line(halt: Halt) -> Text:
    """The whole bot's state in one line, for above or below a table."""
    return Text(f"The bot is {halt_text(halt)} (since {moment(halt.at)}; what ends it: {way_out(halt)})", "bold")


def incident_text(i: Incident) -> RenderableType:
    """One incident, whole."""
    parts: list[RenderableType] = [Text(f"Incident {i.id}: {state_of(i)}", "bold"), _facts(i)]
    if i.diagnosis is not None:
        parts.append(diagnosis_text(i.diagnosis))
    if i.plan is not None:
        parts.append(plan_text(i.plan))
        parts.append(_progress("Steps", i.steps))
    if i.undo:
        parts.append(_progress("Undo", i.undo))
    if i.closed is not None:
        parts.append(Text(f"\n{i.closed.why}"))
    return Group(*parts)


def _facts(i: Incident) -> Table:
    grid = Table.grid(padding=(0, 2))
    rows: list[tuple[str, str]] = [
        ("target", f"{i.target.kind} {i.target.name}"),
        ("opened", moment(i.opened_at)),
    ]
    rows += [("seen", f"{s.family} on {s.kind} {s.namespace}/{s.name}: {s.message}") for s in i.sightings]
    if i.swept is not None:
        rows += [("drift", f"{drift.kind}: {drift.detail}") for drift in i.swept.drifts]
    if i.requested_by is not None:
        rows.append(("asked for by", actor_name(i.requested_by)))
    if i.chosen is not None:
        rows.append(("node chosen", f"{i.chosen.node.name}: {i.chosen.why}"))
    if i.answer is not None:
        verb = "approved" if i.answer.approve else "denied"
        rows.append((verb, f"{actor_name(i.answer.actor)} at {moment(i.answer.at)}"))
    if i.failure is not None:
        rows.append(("failed", f"{i.failure.step}: {i.failure.why}"))
    rows += [(label, text) for label, text in (("held", i.held), ("unasked", i.unasked)) if text]
    if i.suspended is not None:
        rows.append(("stands still", f"{i.suspended.why}; held at {moment(i.suspended.until)}"))
    if i.closed is not None:
        rows.append(("took", duration(i.closed.at - i.opened_at)))
    for label, text in rows:
        grid.add_row(Text(label, "dim"), Text(text))
    return grid


def plan_text(plan: Plan) -> RenderableType:
    """The plan as it would be asked: steps with their reasons, commands, diff, and what is disturbed."""
    lines: list[RenderableType] = [Text(f"\nPlan {plan.digest[:12]} for {plan.target.name}", "bold")]
    for number, step in enumerate(plan.steps, 1):
        lines.append(Text.assemble((f"{number:2}. {step.title}", ""), (f"  because {step.why}", "dim")))
        lines += [Padding(Text(line, "dim"), (0, 0, 0, 6)) for line in step.detail]
        lines += [Padding(Text(line, "green"), (0, 0, 0, 6)) for line in step.diff]
    lines += _bullets("Only observed, it would not be asked", plan.observed)
    lines += _bullets("Disturbs", plan.disturbs or (f"nothing ({plan.disruption})",))
    lines += _bullets("Not checked", plan.not_checked)
    lines += _bullets("Would die", plan.dies)
    lines += _bullets("Notes", plan.notes)
    return Group(*lines)


def diagnosis_text(diagnosis: Diagnosis) -> RenderableType:
    lines: list[RenderableType] = [Text(f"\nDiagnosis ({diagnosis.family}): {diagnosis.why}", "bold")]
    lines += _bullets("Blocked by", [f"{b.check}: {b.why}" for b in diagnosis.blockers])
    lines += _bullets("What to do", diagnosis.guidance)
    return Group(*lines)


def _bullets(title: str, items: Sequence[str]) -> list[RenderableType]:
    return [Text(f"{title}:", "bold"), *(Text(f"  - {item}") for item in items)] if items else []


def _progress(title: str, steps: Sequence[StepProgress]) -> RenderableType:
    table = Table(
        box=None, pad_edge=False, title=f"\n{title}", title_justify="left", title_style="bold", show_header=False
    )
    for step in steps:
        table.add_row(
            STEP_MARKS[step.state],
            Text(step.planned.name),
            Text(step.evidence or step.planned.title),
            step_time(step),
        )
        outcomes = dict(step.outcomes)
        for act in step.acts:
            outcome = outcomes.get(act.seq)
            state = "running" if outcome is None else outcome.kind.value
            style = "red" if outcome is not None and outcome.kind in BAD_OUTCOMES else "dim"
            table.add_row("", Text(f"  {act.key}", "dim"), Text(f"{act.purpose}: {state}", style), "")
    return table

"""Incidents for the terminal: one row each, or one of them whole.

Everything is lines of text: nothing is laid out for a width, so that a command, a path, a hash or a line of a diff
is never broken or cut. The terminal wraps what is too long for it (`cli/printing.print_text`).

Text from the cluster goes into `rich.text.Text`, never into markup: it is hostile (design.md invariant 13).
"""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from bot.core.incident import Incident, StepProgress
from bot.core.model import Diagnosis, Plan
from bot.core.pause import Halt, halt_text, way_out
from bot.views.wording import (
    BAD_OUTCOMES,
    STEP_MARKS,
    actor_name,
    drift_text,
    duration,
    moment,
    reason_of,
    state_of,
    step_time,
)

_INDENT = " " * 6


def columns(rows: Sequence[Sequence[Text]], gap: int = 2) -> list[Text]:
    """Each row as a line, with the cells below one another; the last one may be as long as it likes."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        line = Text()
        for cell, width in zip(row, widths, strict=True):
            line.append_text(cell).append(" " * (width - _width(cell) + gap))
        line.rstrip()
        lines.append(line)
    return lines


def _width(cell: Text) -> int:
    return cell_len(cell.plain)


def incident_table(incidents: Iterable[Incident]) -> Text:
    """One line per incident, below a line of headings."""
    rows = [
        [Text(name, "bold") for name in ("ID", "TARGET", "FAILURE", "STATE", "OPENED", "LAST CHANGE", "ANSWER")]
    ]
    for i in incidents:
        answer = i.answer
        verb = "" if answer is None else ("approved by " if answer.approve else "denied by ") + answer.actor.user
        cells = (
            i.id,
            i.target.name,
            reason_of(i),
            state_of(i),
            moment(i.opened_at),
            moment(i.changed_at),
            verb,
        )
        rows.append([Text(_one_line(cell)) for cell in cells])
    return joined(columns(rows))


def joined(lines: Iterable[Text]) -> Text:
    return Text("\n").join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


def halt_line(halt: Halt) -> Text:
    """The whole bot's state in one line, for above or below a table."""
    return Text(f"The bot is {halt_text(halt)} (since {moment(halt.at)}; what ends it: {way_out(halt)})", "bold")


def unreadable_text(incident: str, why: str) -> str:
    return (
        f"Incident {incident} cannot be read: {why}. The bot leaves it and its node alone; "
        "run the version of the program that wrote it"
    )


def incident_text(i: Incident) -> Text:
    """One incident, whole."""
    lines = [Text(f"Incident {i.id}: {state_of(i)}", "bold"), *_facts(i)]
    if i.diagnosis is not None:
        lines.append(diagnosis_text(i.diagnosis))
    if i.plan is not None:
        lines.append(plan_text(i.plan))
        lines += _progress("Steps", i.steps)
    if i.undo:
        lines += _progress("Undo", i.undo)
    if i.closed is not None:
        lines.append(Text(f"\n{i.closed.why}"))
    return joined(lines)


def _facts(i: Incident) -> list[Text]:
    rows: list[tuple[str, str]] = [
        ("target", f"{i.target.kind} {i.target.name}"),
        ("opened", moment(i.opened_at)),
    ]
    rows += [("seen", f"{s.family} on {s.kind} {s.namespace}/{s.name}: {s.message}") for s in i.sightings]
    if i.swept is not None:
        rows += [("drift", drift_text(drift)) for drift in i.swept.drifts]
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
    return columns([(Text(label, "dim"), Text(_one_line(text))) for label, text in rows])


def plan_text(plan: Plan) -> Text:
    """The plan as it would be asked: steps with their reasons, commands, diff, and what is disturbed."""
    lines = [Text(f"\nPlan {plan.digest[:12]} for {plan.target.name}", "bold")]
    for number, step in enumerate(plan.steps, 1):
        lines.append(Text.assemble(f"{number:2}. {step.title}", (f"  because {step.why}", "dim")))
        lines += [Text(f"{_INDENT}{line}", "dim") for line in step.detail]
        lines += [Text(f"{_INDENT}{line}", "green") for line in step.diff]
    lines += _bullets("Only observed, it would not be asked", plan.observed)
    lines += _bullets("Disturbs", plan.disturbs or (f"nothing ({plan.disruption})",))
    lines += _bullets("Not checked", plan.not_checked)
    lines += _bullets("Would die", plan.dies)
    lines += _bullets("Notes", plan.notes)
    return joined(lines)


def diagnosis_text(diagnosis: Diagnosis) -> Text:
    lines = [Text(f"\nDiagnosis ({diagnosis.family}): {diagnosis.why}", "bold")]
    lines += _bullets("Blocked by", [f"{b.check}: {b.why}" for b in diagnosis.blockers])
    lines += _bullets("What to do", diagnosis.guidance)
    return joined(lines)


def _bullets(title: str, items: Sequence[str]) -> list[Text]:
    return [Text(f"{title}:", "bold"), *(Text(f"  - {item}") for item in items)] if items else []


def _progress(title: str, steps: Sequence[StepProgress]) -> Iterator[Text]:
    yield Text(f"\n{title}", "bold")
    rows = [(Text(STEP_MARKS[s.state]), Text(s.planned.name), Text(_said(s))) for s in steps]
    for step, line in zip(steps, columns(rows), strict=True):
        yield line
        outcomes = dict(step.outcomes)
        for act in step.acts:
            outcome = outcomes.get(act.seq)
            state = "running" if outcome is None else outcome.kind.value
            style = "red" if outcome is not None and outcome.kind in BAD_OUTCOMES else "dim"
            yield Text.assemble((f"{_INDENT}{act.key}  ", "dim"), (f"{_one_line(act.purpose)}: {state}", style))


def _said(step: StepProgress) -> str:
    took = step_time(step)
    return _one_line(step.evidence or step.planned.title) + (f" ({took})" if took else "")

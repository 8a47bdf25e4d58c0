"""Words that cards and tables share, so that both say the same of one incident."""

from datetime import datetime, timedelta

from bot.core.action import OutcomeKind
from bot.core.drift import Drift, DriftKind
from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import Actor, Result

PHASES = {
    Phase.OPENED: "looking at the facts",
    Phase.UNASKED: "unasked",
    Phase.PLANNED: "asking",
    Phase.ASKED: "waiting for an answer",
    Phase.APPROVED: "approved, about to start",
    Phase.RUNNING: "repairing",
    Phase.UNDOING: "undoing",
    Phase.HELD: "held: a person must act",
    Phase.CLOSED: "closed",
}

RESULTS = {
    Result.HEALED: "healed",
    Result.UNPROVEN: "repaired, not proven",
    Result.RESTORED: "not repaired, put back",
    Result.DENIED: "denied",
    Result.EXPIRED: "expired unanswered",
    Result.WITHDRAWN: "withdrawn",
    Result.DIAGNOSED: "diagnosed, not repaired",
}

DRIFTS = {
    DriftKind.HANDLER_NOT_LOADED: "handler not loaded",
    DriftKind.FILE_BROKEN: "file missing or wrong",
    DriftKind.LINK_BROKEN: "link missing or wrong",
    DriftKind.SETTING_LOST: "setting lost",
    DriftKind.LABEL_LOST: "label lost",
    DriftKind.LABEL_UNREADY: "label on a node that is not ready for Kata",
    DriftKind.CLASS_CHANGED: "RuntimeClass missing or changed",
    DriftKind.VERSION_UNLIKE: "Kata version unlike the others",
}

STEP_MARKS = {StepState.WAITING: "·", StepState.RUNNING: "▶", StepState.DONE: "✓", StepState.FAILED: "✗"}

BAD_OUTCOMES = frozenset(OutcomeKind) - {OutcomeKind.OK}


def reason_of(incident: Incident) -> str:
    """Why there is this incident: what failed, what a sweep found, or that a person asked."""
    if incident.families:
        return " + ".join(incident.families)
    if incident.swept is not None:
        return " + ".join(DRIFTS[drift.kind] for drift in incident.swept.drifts)
    return "asked for by a person"


def drift_text(drift: Drift) -> str:
    return f"{DRIFTS[drift.kind]}: {drift.detail}"


def state_of(incident: Incident) -> str:
    if incident.observed:
        return "only observed"
    if incident.result is not None:
        return RESULTS[incident.result]
    if incident.suspended is not None:
        return "paused in the middle of its repair"
    return PHASES[incident.phase]


def duration(span: timedelta) -> str:
    """ "4 s", "2 min 5 s", "3 h 20 min"."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def actor_name(actor: Actor) -> str:
    return f"{actor.user} ({actor.via})"


def step_time(step: StepProgress) -> str:
    """How long the step took, or an empty text while that is not known."""
    return duration(step.ended - step.began) if step.began and step.ended else ""

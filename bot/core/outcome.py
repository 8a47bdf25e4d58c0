"""How an open incident closes or is held: which result it is, and the sentence that people read first."""

from datetime import datetime

from bot.core.action import OutcomeKind, Verdict
from bot.core.entries import Closed, Held
from bot.core.fate import Fate, JobFate, owners_part
from bot.core.incident import Incident, Phase, StepState
from bot.core.model import Result, Verb
from bot.core.names import rollback_unit

REBUILD = (
    "It survives a reboot, but a rebuild or upgrade of the node loses it: to make it last, put it into the "
    "worker's image, which also renders containerd's configuration at first boot."
)
"""domain.md 2.2: the root is a persistent overlay, and the files come from the NCN image."""

_ON_DISK = frozenset({Verb.INSTALL, Verb.LINK, Verb.CONFIGURE, Verb.TUNE})
"""A rebuilt worker is labelled by its own first boot, and a RuntimeClass is none of the node's."""


def closing(incident: Incident, now: datetime, evidence: str = "") -> Closed:
    """The last entry of an incident in whatever phase it is. `evidence` is why there is nothing to do."""
    result, why = _result(incident, evidence)
    return Closed(at=now, result=result, why=why)


def holding(incident: Incident, now: datetime, why: str) -> Held:
    """The entry that holds an incident. Whoever takes the node over must know what it still does by itself."""
    armed = _armed(incident)
    return Held(at=now, why=f"{_sentence(why)}{armed}" if armed else why)


def _result(i: Incident, evidence: str) -> tuple[Result, str]:
    if evidence:
        return Result.WITHDRAWN, evidence
    if i.diagnosis is not None:
        return Result.DIAGNOSED, i.diagnosis.why
    if i.phase is Phase.UNDOING:
        return Result.RESTORED, _restored(i)
    if i.phase is Phase.RUNNING and i.abort is None:
        return _repaired(i)
    if i.observed:
        return (
            Result.DIAGNOSED,
            f"Only observed, so nobody was asked and nothing was changed: {'; '.join(i.observed)}.",
        )
    if i.abort is not None:
        return Result.WITHDRAWN, f"Stopped by {i.abort.user} before anything was changed."
    if i.answer is not None and not i.answer.approve:
        goes_on = "the job keeps hanging" if i.sightings else f"{i.target.name} stays as it is"
        return Result.DENIED, f"Nothing was changed; {goes_on} until somebody acts."
    return Result.EXPIRED, "Nobody answered in time, so nothing was changed. `imsbot repair` asks again."


def _restored(i: Incident) -> str:
    if i.release:
        return f"Released by a person: what was ours was given back, the rest is as it was left.{_armed(i)}"
    if i.failure is not None:
        cause = f"{i.failure.step}: {i.failure.why}"
    else:
        cause = f"stopped by {i.abort.user}" if i.abort else "stopped"
    undone = "everything was put back" if i.undo else "nothing had been changed"
    doubts = [step.evidence for step in i.undo if step.verdict is Verdict.INCONCLUSIVE]
    but = f", but: {'; '.join(doubts)}" if doubts else ""
    waiting = " What hangs starts by itself once the cause is mended, or its owner deletes and submits it again."
    return f"The repair did not succeed ({cause}); {undone}{but}.{waiting if i.sightings else ''}"


def _armed(i: Incident) -> str:
    """A hold in the middle of a restart, and a release through the API alone, leave the node's own way back to it.

    A step that restarts containerd is done only without one; while it is not, a disarming whose end is not known
    may not have begun.
    """
    armed_at = None
    for step in (*i.steps, *i.undo):
        if step.planned.verb is Verb.RESTART and step.state is StepState.DONE:
            armed_at = None
            continue
        outcomes = dict(step.outcomes)
        for act in step.acts:
            if act.key == "arm":
                armed_at = act.at
            elif act.key == "disarm" and (end := outcomes.get(act.seq)) and end.kind is OutcomeKind.OK:
                armed_at = None
    if armed_at is None:
        return ""
    stop = f"`systemctl stop {rollback_unit(i.id)}.timer` on the node prevents it"
    return (
        f" The node's own way back was armed at {armed_at:%H:%M:%S} UTC and is not known to be disarmed: minutes "
        f"after that it puts the old configuration back and restarts containerd; {stop}."
    )


def _repaired(i: Incident) -> tuple[Result, str]:
    changed = any(step.acts and step.planned.verb in _ON_DISK for step in i.steps)
    told = " ".join(part for part in (_owners(i), REBUILD if changed else "") if part)
    if i.verdict is Verdict.INCONCLUSIVE:
        doubts = "; ".join(s.evidence for s in i.steps if s.verdict is Verdict.INCONCLUSIVE)
        return Result.UNPROVEN, f"The repair is in place, but in doubt: {_sentence(doubts)} {told}".rstrip()
    proof = next((s.evidence for s in reversed(i.steps) if s.verdict is Verdict.PROVEN), "")
    return Result.HEALED, f"{_sentence(proof or i.steps[-1].evidence)} {told}".rstrip()


def _owners(i: Incident) -> str:
    """A RuntimeClass is proven by the jobs that got their pods; of a node's jobs the last step knows."""
    jobs = [s.job_name for s in i.sightings if s.job_name]
    reported = next((step.jobs for step in reversed(i.steps) if step.jobs is not None), None)
    if reported is None and i.target.node is None:
        proven = i.verdict is Verdict.PROVEN
        reported = tuple(JobFate(job, Fate.RUNS if proven else Fate.WAITS) for job in jobs)
    return owners_part(jobs, reported or ())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith(".") else f"{text}."

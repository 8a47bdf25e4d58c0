"""How an open incident closes: which result it is, and the sentence that people read first."""

from datetime import datetime

from bot.core.action import Verdict
from bot.core.entries import Closed
from bot.core.incident import Incident, Phase
from bot.core.model import Result

REBUILD = "A rebuild of the node loses the repair: the node image must carry it."


def closing(incident: Incident, now: datetime, evidence: str = "") -> Closed:
    """The last entry of an incident in whatever phase it is. `evidence` is why there is nothing to do."""
    result, why = _result(incident, evidence)
    return Closed(at=now, result=result, why=why)


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
        return Result.DENIED, "Nothing was changed; the job keeps hanging until somebody acts."
    return Result.EXPIRED, "Nobody answered in time, so nothing was changed. `imsbot repair` asks again."


def _restored(i: Incident) -> str:
    if i.release:
        return "Released by a person: what was ours was given back, the rest is as it was left."
    if i.failure is not None:
        cause = f"{i.failure.step}: {i.failure.why}"
    else:
        cause = f"stopped by {i.abort.user}" if i.abort else "stopped"
    undone = "everything was put back" if i.undo else "nothing had been changed"
    return f"The repair did not succeed ({cause}); {undone}."


def _repaired(i: Incident) -> tuple[Result, str]:
    changed = any(step.acts for step in i.steps)
    lasting = f" {REBUILD}" if changed and i.target.node else ""
    if i.verdict is Verdict.INCONCLUSIVE:
        doubts = "; ".join(s.evidence for s in i.steps if s.verdict is Verdict.INCONCLUSIVE)
        return Result.UNPROVEN, f"The repair is in place, but the proof was inconclusive: {doubts}.{lasting}"
    jobs = [s.job_name for s in i.sightings if s.job_name]
    owner = f" Nothing to do for the owner of {', '.join(dict.fromkeys(jobs))}." if jobs else ""
    proof = next((s.evidence for s in reversed(i.steps) if s.verdict is Verdict.PROVEN), "")
    return Result.HEALED, f"{_sentence(proof or i.steps[-1].evidence)}{owner}{lasting}"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith(".") else f"{text}."

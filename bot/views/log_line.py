"""What one log line says of a journal entry or a round of facts, beside the incident's id: keys and plain values.

A line is for searching and counting; the whole story is in the journal. What a command reads on its standard
input, what it wrote and whole files are never here: a log goes to more places than a card.
"""

from typing import assert_never

from bot.core import entries as e
from bot.core.drift import Row
from bot.core.facts import NodeFacts
from bot.core.incident import Incident, StepProgress
from bot.core.model import Actor, Sighting

Line = dict[str, object]

DIGEST_SHOWN = 12


def describe_entry(entry: e.Entry, incident: Incident) -> Line:  # noqa: C901 - one arm per entry
    """`incident` is the one after the entry."""
    match entry:
        case e.Opened(sighting=sighting, actor=actor, swept=swept):
            seen = _sighting(sighting) if sighting else {}
            return {**seen, **(_by(actor) if actor else {}), **({"sweep": swept.sweep} if swept else {})}
        case e.Sighted(sighting=sighting):
            return _sighting(sighting)
        case e.Unasked(why=why, storm=storm):
            return {"why": why, "storm": storm or None}
        case e.Picked(actor=actor) | e.AbortAsked(actor=actor) | e.ReleaseAsked(actor=actor):
            return _by(actor)
        case e.Chosen(node=node, why=why):
            return {"node": node.name, "why": why}
        case e.Diagnosed(diagnosis=found):
            return {"family": found.family.value, "why": found.why}
        case e.Planned(plan=plan):
            return {"plan": _digest(plan.digest), "steps": [s.name for s in plan.steps], "observed": plan.observed}
        case e.CardPosted(ref=ref):
            return {"channel": ref.channel, "ts": ref.ts}
        case e.Asked(digest=digest, expires_at=expires_at):
            return {"plan": _digest(digest), "expires_at": expires_at.isoformat()}
        case e.Answered(actor=actor, approve=approve, digest=digest):
            return {"plan": _digest(digest), "approve": approve, **_by(actor)}
        case e.Started(epoch=epoch, skipped=skipped):
            return {"epoch": epoch, "skipped": list(skipped)}
        case e.Suspended(why=why, until=until):
            return {"why": why, "until": until.isoformat()}
        case e.StepBegan(name=name, undo=undo):
            return {"step": name, "undo": undo}
        case e.Intended(seq=seq, step=step, key=key, purpose=purpose, unit=unit):
            return {"step": step, "act": key, "seq": seq, "purpose": purpose, "unit": unit or None}
        case e.Ended(seq=seq, outcome=outcome):
            return {**_act(incident, seq), "outcome": outcome.kind.value, "exit_code": outcome.exit_code}
        case e.StepEnded(name=name, evidence=evidence, verdict=verdict, undo=undo):
            return {"step": name, "evidence": evidence, "verdict": verdict, "undo": undo}
        case e.Failed(step=step, why=why, verdict=verdict):
            return {"step": step, "why": why, "verdict": verdict}
        case e.UndoPlanned(steps=steps, release=release):
            return {"steps": [step.name for step in steps], "release": release}
        case e.Held(why=why):
            return {"why": why}
        case e.Closed(result=result, why=why):
            return {"result": result.value, "why": why}
        case e.Reminded() | e.Continued():
            return {}
        case _:
            assert_never(entry)


def describe_row(row: Row) -> Line:
    """What a sweep says of one target that is not fine."""
    return {
        "target": row.target.name,
        "state": row.state.value,
        "drifts": [drift.kind.value for drift in row.drifts],
        "why": row.unreadable or row.blocked or row.cannot or None,
        "incident": row.incident or None,
    }


def describe_facts(found: NodeFacts) -> Line:
    """What decides most plans; the plan itself says which fact asks for which step."""
    return {
        "containerd": ".".join(map(str, found.unit.version or ())) or None,
        "containerd_state": found.unit.active,
        "handlers": sorted(found.live_handlers),
        "kata": found.kata_tree.version,
        "missing": list(found.kata_missing),
    }


def _sighting(sighting: Sighting) -> Line:
    about = f"{sighting.kind} {sighting.namespace}/{sighting.name}" if sighting.namespace else sighting.name
    return {"family": sighting.family.value, "about": about, "said": sighting.message}


def _by(actor: Actor) -> Line:
    return {"by": f"{actor.via}:{actor.user}"}


def _digest(digest: str) -> str:
    return digest[:DIGEST_SHOWN]


def _act(incident: Incident, seq: int) -> Line:
    steps: tuple[StepProgress, ...] = (*incident.steps, *incident.undo)
    acts = (act for step in steps for act in step.acts if act.seq == seq)
    return next(({"step": act.step, "act": act.key, "seq": seq} for act in acts), {"seq": seq})

"""What a plan *is*, apart from how it is carried out: its digest, and whether one plan is within another.

The digest covers what a person approves and nothing that changes by itself (design.md 4.3): a hundred
gathers with other times, pods, free space or boot ids give one digest.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from bot.core.model import Digest, Plan, PlannedStep, Target

DIGEST_FORMAT = 1

PREIMAGE = "preimage"
"""Key of a desired end state: sha256 of the file that is rewritten. `null` when an earlier step of the plan brings
the file out of the pinned archive, so that nobody can know it before."""


def digest(cluster_uid: str, target: Target, steps: Iterable[PlannedStep]) -> Digest:
    """sha256 of the canonical JSON of what is approved."""
    approved = {
        "format": DIGEST_FORMAT,
        "cluster": cluster_uid,
        "target": target.fingerprint,
        "steps": [
            {"verb": s.verb, "name": s.name, "desired": json.loads(s.desired), "disruption": s.disruption}
            for s in steps
        ],
    }
    return Digest(hashlib.sha256(canonical(approved).encode()).hexdigest())


def canonical(value: Any) -> str:
    """JSON with sorted keys and nothing optional in its spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def within(new: Plan, approved: Plan) -> bool:
    """The new plan does nothing, and kills no job, that the approved one did not say: an ordered subset of it."""
    return not what_changed(new, approved)


def what_changed(new: Plan, approved: Plan) -> tuple[str, ...]:
    """Why the new plan has to be asked again, one line each; empty when it is within the approved one.

    Steps that are no longer needed are no reason: facts can make a step unnecessary (design.md invariant 2).
    """
    if (new.cluster_uid, new.target) != (approved.cluster_uid, approved.target):
        return (f"it is about {new.target.name} ({new.target.uid or 'no uid'}) now",)
    reasons = [_reason(step, approved.steps) for step in new.steps]
    changed = [reason for reason in reasons if reason]
    if not changed and not _ordered(new.steps, approved.steps):
        changed.append("the steps come in another order")
    changed += [f"{job} would die now" for job in new.dies if job not in approved.dies]
    return tuple(changed)


def _reason(step: PlannedStep, approved: Sequence[PlannedStep]) -> str | None:
    old = next((s for s in approved if s.name == step.name), None)
    if old is None:
        return f"new: {step.title} ({step.why})"
    if old.disruption is not step.disruption:
        return f"{step.title}: it disturbs more or less than before ({step.disruption}, was {old.disruption})"
    if not _same_end(step, old):
        return f"changed: {step.title} (was: {old.title})"
    return None


def _same_end(step: PlannedStep, old: PlannedStep) -> bool:
    new_end, old_end = json.loads(step.desired), json.loads(old.desired)
    if PREIMAGE in old_end and old_end[PREIMAGE] is None:
        new_end = {**new_end, PREIMAGE: None}
    return step.verb is old.verb and bool(new_end == old_end)


def _ordered(steps: Sequence[PlannedStep], approved: Sequence[PlannedStep]) -> bool:
    places = [i for step in steps for i, old in enumerate(approved) if old.name == step.name]
    return places == sorted(places)

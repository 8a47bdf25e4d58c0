"""What a sweep says of one node: the planner's answer, read as drift.

What a repair would do there *is* the drift, whatever stands in its way; so a node that a person holds is told of
as well, and only nothing is proposed for it. The RuntimeClass has a row of its own and is left out of the nodes'.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from bot.core.drift import Drift, DriftKind, Row
from bot.core.model import Blocker, Diagnosis, Family, Verb
from bot.core.policy import preflight
from bot.steps import runtimeclass
from bot.steps.planner import make_plan, needed
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import Step

_KIND_OF_VERB = {
    Verb.CONFIGURE: DriftKind.HANDLER_NOT_LOADED,
    Verb.RESTART: DriftKind.HANDLER_NOT_LOADED,
    Verb.INSTALL: DriftKind.FILE_BROKEN,
    Verb.LINK: DriftKind.LINK_BROKEN,
    Verb.TUNE: DriftKind.SETTING_LOST,
    Verb.LABEL: DriftKind.LABEL_LOST,
}
"""The other verbs only protect and prove, or are the RuntimeClass's."""
_KIND_OF_FAMILY = {
    Family.KATA_ARTIFACT_MISSING: DriftKind.FILE_BROKEN,
    Family.KATA_CONFIG_MISSING: DriftKind.FILE_BROKEN,
    Family.KATA_CONFIG_INVALID: DriftKind.SETTING_LOST,
    Family.SHIM_MISSING: DriftKind.LINK_BROKEN,
}
"""Of a repair that is needed and cannot be done; the others are about containerd and its handler."""

_UNFIT = frozenset({"ready", "kvm", "vsock", "kata-config", "containerd", "containerd-config", "runtime"})
"""Checks without which no Kata pod can run on the node, so that its label promises too much."""


def survey_node(s: Situation) -> Row:
    """Raises UnknownFactError, when a fact that matters could not be read."""
    s = replace(s, settings=s.settings.model_copy(update={"plan": "minimal"}))
    blockers = preflight(s.target, s.facts, s.settings).blockers
    row = _of_plan(s)
    if (unready := _unready(s, blockers)) is not None:
        row = msgspec.structs.replace(row, drifts=(*row.drifts, unready))
    if row.drifts and blockers:
        row = msgspec.structs.replace(row, blocked="; ".join(f"{b.check}: {b.why}" for b in blockers))
    if row.would and row.proposes and isinstance(conclusion := make_plan(s), Diagnosis):
        row = msgspec.structs.replace(row, would=(), cannot=conclusion.why)
    return msgspec.structs.replace(row, version=s.facts.on_node.kata_tree.version or "")


def survey_class(s: Situation) -> Row:
    """The RuntimeClass that is the situation's target."""
    try:
        steps = runtimeclass.propose(s)
    except CannotRepairError as error:
        why = error.diagnosis.why
        return Row(s.target, (Drift(DriftKind.CLASS_CHANGED, why),), cannot=why)
    changing = [step for step in steps if not step.reads_only]
    return Row(
        target=s.target,
        drifts=tuple(Drift(DriftKind.CLASS_CHANGED, step.why) for step in changing),
        would=tuple(step.title for step in changing),
    )


def _of_plan(s: Situation) -> Row:
    """What is lacking, and what would be done about it if nothing were in the way."""
    try:
        steps = [step for step in needed(s) if step.verb in _KIND_OF_VERB]
    except CannotRepairError as error:
        kind = _KIND_OF_FAMILY.get(error.diagnosis.family, DriftKind.HANDLER_NOT_LOADED)
        return Row(s.target, (Drift(kind, error.diagnosis.why),), cannot=error.diagnosis.why)
    drifts = tuple(_drifts_of(steps))
    return Row(s.target, drifts, would=tuple(step.title for step in steps))


def _drifts_of(steps: Iterable[Step]) -> Iterable[Drift]:
    """One of each kind: a restart only completes what the configuration lacks."""
    seen = set()
    for step in steps:
        kind = _KIND_OF_VERB[step.verb]
        if kind not in seen:
            seen.add(kind)
            yield Drift(kind, step.why)


def _unready(s: Situation, blockers: Iterable[Blocker]) -> Drift | None:
    node = s.facts.cluster.node
    whys = [blocker.why for blocker in blockers if blocker.check in _UNFIT]
    if node is None or not node.kata_labelled or not whys:
        return None
    return Drift(DriftKind.LABEL_UNREADY, f"it attracts Kata pods and cannot run them: {'; '.join(whys)}")

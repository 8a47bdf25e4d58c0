"""What one PATCH of a Node may do for an incident, decided from the Node as it is now (design.md invariant 7).

The annotation that names the incident is set and removed in the same PATCH as the change itself. Where it is
missing, names another incident, or a person set the hold, the change is refused: whoever removed it took over.
A cordon of another incident stands (that one may be held); a label mark of another incident on a node without
the label is only a leftover.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from bot.core.action import Outcome, OutcomeKind, SetCordon, SetLabel
from bot.core.marks import CORDON, LABEL, hold_reason
from bot.core.objects import KATA_LABEL, Node


@dataclass(frozen=True, slots=True)
class NodePatch:
    """The wanted end state of a few fields; `None` as a value removes the key, other keys stay."""

    annotations: Mapping[str, str | None]
    labels: Mapping[str, str | None] = field(default_factory=dict)
    cordoned: bool | None = None
    """`None`: leave it."""


def decide_node_change(node: Node, change: SetCordon | SetLabel) -> NodePatch | Outcome:
    """The patch to send, or the outcome when there is nothing to send: OK (already so) or REFUSED."""
    if node.metadata.uid != change.node_uid:
        return _refused(
            f"node {change.node} was replaced: its uid is {node.metadata.uid}, not {change.node_uid}; "
            "nothing of this repair is on it"
        )
    reason = hold_reason(node)
    if reason is not None:
        return _refused(f"a person asks to leave node {change.node} alone: {reason}")
    match change:
        case SetCordon(cordoned=True):
            return _cordon(node, change)
        case SetCordon():
            return _uncordon(node, change)
        case SetLabel(labelled=True):
            return _label(node, change)
        case SetLabel():
            return _unlabel(node, change)
        case _:
            assert_never(change)


def _cordon(node: Node, change: SetCordon) -> NodePatch | Outcome:
    mark = node.metadata.annotation(CORDON)
    if mark == change.incident and node.cordoned:
        return _fine("already cordoned by this incident")
    if mark is not None:
        state = "" if node.cordoned else ", and a person uncordoned it since"
        return _refused(
            f"node {change.node} was cordoned by incident {mark}{state}; when that is over, "
            f"remove the annotation {CORDON}"
        )
    if node.cordoned:
        return _refused(f"node {change.node} is cordoned by somebody else")
    return NodePatch({CORDON: change.incident}, cordoned=True)


def _uncordon(node: Node, change: SetCordon) -> NodePatch | Outcome:
    mark = node.metadata.annotation(CORDON)
    if mark == change.incident:
        return NodePatch({CORDON: None}, cordoned=False)
    if not node.cordoned:
        return _fine("not cordoned")
    owner = f"belongs to incident {mark}" if mark else "is not ours any more"
    return _refused(f"the cordon of node {change.node} {owner}; it is left as it is")


def _label(node: Node, change: SetLabel) -> NodePatch | Outcome:
    if node.kata_labelled:
        return _fine("already labelled")
    mark = node.metadata.annotation(LABEL)
    if mark is not None and mark.partition("=")[0] == change.incident:
        return _refused(f"a person took the label {KATA_LABEL} away from node {change.node} during this repair")
    before = node.metadata.label(KATA_LABEL) or ""
    return NodePatch({LABEL: f"{change.incident}={before}"}, {KATA_LABEL: "true"})


def _unlabel(node: Node, change: SetLabel) -> NodePatch | Outcome:
    mark = node.metadata.annotation(LABEL)
    incident, _, before = (mark or "").partition("=")
    if incident == change.incident:
        # A value that a person set meanwhile stays; only our mark goes.
        labels = {KATA_LABEL: before or None} if node.kata_labelled else {}
        return NodePatch({LABEL: None}, labels)
    if not node.kata_labelled:
        return _fine("not labelled")
    return _refused(f"the label {KATA_LABEL} of node {change.node} is not this incident's; it is left as it is")


def _fine(evidence: str) -> Outcome:
    return Outcome(OutcomeKind.OK, output=evidence)


def _refused(why: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, output=why)

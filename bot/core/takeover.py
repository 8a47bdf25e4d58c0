"""How a person takes a target over from an incident, without talking to the bot (design.md invariant 7).

Asked before every act, with the Node as it is now and with what the journal knows of our own marks on it.
"""

from bot.core.action import OutcomeKind, SetCordon
from bot.core.incident import Incident, StepState
from bot.core.marks import HOLD, cordoned_by, hold_reason
from bot.core.objects import Node


def taken_over(node: Node | None, incident: Incident, *, uncordons: bool) -> str | None:
    """Why the target is no longer this incident's to change; `None` when it is (design.md invariant 7).

    A cordon that a person changed stops everything but its own end (`uncordons`: the mark that may be left of it),
    and what is given back to a person who asks for a release.
    """
    target = incident.target.node
    if target is None:
        return None
    if node is None or node.metadata.uid != target.uid:
        return f"the Node {target.name} with uid {target.uid} is gone; nothing is done to another one of its name"
    reason = hold_reason(node)
    if reason is not None:
        return f"a person set {HOLD} on {node.metadata.name}: {reason}"
    if uncordons or incident.release:
        return None
    if _holds_cordon(incident) and cordoned_by(node) != incident.id:
        return f"the cordon of {node.metadata.name} is no longer this incident's: a person changed it"
    return None


def _holds_cordon(incident: Incident) -> bool:
    """Whether our cordon should be on the node by what the journal knows.

    Where an answer was lost, the facts have decided: the step is done.
    """
    cordoned = False
    for progress in (*incident.steps, *incident.undo):
        outcomes = dict(progress.outcomes)
        for act in progress.acts:
            if not isinstance(act.change, SetCordon) or (outcome := outcomes.get(act.seq)) is None:
                continue
            found_so = outcome.kind is OutcomeKind.UNKNOWN and progress.state is StepState.DONE
            if outcome.kind is OutcomeKind.OK or found_so:
                cordoned = act.change.cordoned
    return cordoned

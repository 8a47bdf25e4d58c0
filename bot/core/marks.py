"""The annotations by which an object itself says what we did to it (design.md invariant 7).

They are set in the same PATCH as the change. We undo only while they still name our incident: removing one, or
setting the hold, is how a person takes over without talking to the bot.
"""

from bot.core.objects import Node

CORDON = "ims-remediation-bot/cordon"
"""On a Node that we cordoned: the incident's id."""

LABEL = "ims-remediation-bot/label"
"""On a Node that we labelled: `<incident>=<value that was there before, or empty>`."""

HOLD = "ims-remediation-bot/hold"
"""Set by a person, with a reason: this bot must not touch the node."""

INCIDENT_LABEL = "ims-remediation-bot/incident"
"""On the canary pod: the incident's id."""


RESTARTED = "ims-remediation-bot/restarted-for"
"""On the pod template of a DaemonSet that we had rolled anew: what for."""


def hold_reason(node: Node) -> str | None:
    """Why a person wants the node left alone; `None` when nobody does."""
    reason = node.metadata.annotation(HOLD)
    return None if reason is None else reason.strip() or "no reason given"


def cordoned_by(node: Node) -> str | None:
    """The incident whose cordon this is; `None` when the node is not cordoned, or somebody else did it."""
    return node.metadata.annotation(CORDON) if node.cordoned else None


def labelled_by(node: Node) -> tuple[str, str] | None:
    """(incident, value before) while our label is on the node."""
    mark = node.metadata.annotation(LABEL)
    if mark is None or not node.kata_labelled:
        return None
    incident, _, before = mark.partition("=")
    return incident, before

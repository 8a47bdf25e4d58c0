"""The plan that gives back what another plan may have changed: after a failed step, an abort, or a hold.

Steps of the same algebra, each of which finds out by itself whether there is anything to give back.
"""

from collections.abc import Sequence

import msgspec

from bot.core.model import Plan, Verb
from bot.steps.cordon import Cordon
from bot.steps.reconnect import Reconnect
from bot.steps.registry import decode
from bot.steps.step import Step
from bot.steps.uncordon import Uncordon
from bot.steps.verify_daemonsets import VerifyDaemonSets

_GIVEN_BACK = ("undo-verify", "undo-label", "uncordon")
_MARKING = frozenset({Verb.CORDON, Verb.LABEL, Verb.VERIFY})
"""Verbs of the steps that those undo. A release reads no other step: one of another version is in nobody's way."""
_UNDO_ORDER = (
    "cordon",
    "undo-verify",
    "undo-label",
    "undo-configure",
    "undo-restart",
    "undo-tune",
    "undo-link",
    "undo-install",
    "undo-reconnect",
    "verify-daemonsets",
    "uncordon",
    "undo-stage",
)
"""The restored configuration is loaded before the shim goes: containerd resolves shims when it reloads
(kata-failures.md 5, #12761). Deleting what was staged takes a while and is nobody's need, so the node is given
back before."""


def undo_plan(plan: Plan, acted: Sequence[str], *, release: bool = False) -> tuple[Step, ...]:
    """What gives back what the steps named in `acted` may have changed.

    With `release` only the cordon, the label and the canary. Each of these steps finds out by itself whether there
    is anything to give back.
    """
    touched = [p for p in plan.steps if p.name in acted and (not release or p.verb in _MARKING)]
    undoing = [undo for p in touched for undo in decode(p).undo()]
    steps = {step.name: step for step in undoing if not release or step.name in _GIVEN_BACK}
    if "undo-restart" in steps:
        planned = [decode(p) for p in plan.steps]
        steps |= {step.name: step for step in map(_around_restart, planned) if step is not None}
    return tuple(sorted(steps.values(), key=_undo_place))


def _around_restart(step: Step) -> Step | None:
    """What a plan has around its restart, for the one that the undo makes."""
    match step:
        case Uncordon() | VerifyDaemonSets():
            return step
        case Cordon() | Reconnect():
            return msgspec.structs.replace(step, undoing=True)
        case _:
            return None


def _undo_place(step: Step) -> int:
    return next(i for i, name in enumerate(_UNDO_ORDER) if f"{step.name}-".startswith(f"{name}-"))

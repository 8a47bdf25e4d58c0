"""Who would die when a restart of containerd kills containers, as CSM's unit makes it do (domain.md 4.3).

Nothing is waited for or drained yet: the repair ends in a diagnosis that names them.
"""

from bot.core.model import Diagnosis, Family
from bot.core.objects import Pod
from bot.steps.situation import Situation

_NAMES_SHOWN = 20


def diagnose_kill(s: Situation, kills: str) -> Diagnosis:
    doomed = [pod for pod in s.facts.cluster.pods_on_node if pod.status.phase == "Running"]
    jobs = [_named(pod) for pod in doomed if _owner(pod) == "Job"]
    others = [_named(pod) for pod in doomed if _owner(pod) != "Job"]
    return Diagnosis(
        s.families[0] if s.families else Family.HANDLER_NOT_CONFIGURED,
        f"containerd on {s.target.name} must be restarted, and that would kill every container there: {kills}",
        guidance=(
            f"jobs that would die: {_listed(jobs)}",
            f"pods that would be started again: {_listed(others)}",
            f"drain {s.target.name} as your site does it, then merge and restart by hand",
        ),
    )


def _owner(pod: Pod) -> str:
    return next((owner.kind for owner in pod.metadata.owner_references or () if owner.controller), "")


def _named(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{shown}{more}" if names else "none"

"""See that the node's DaemonSet pods are Ready again after a restart of containerd: those that were before.

What was Ready is taken down with the plan. A pod that broke between plan and restart is reported, too: rightly, as
somebody should look at it, though it was not us.

One that does not come back undoes nothing: the undo restarts containerd a second time, which brings back no pod
and may cost the next one. Nor does it keep the node cordoned, where Kubernetes itself would not: the canary shows
next whether pods run there. The repair ends *unproven*, and the card names what is not Ready.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Done, Fail, Wait
from bot.core.facts import Facts
from bot.core.model import Verb
from bot.core.objects import Pod
from bot.core.pods import daemonset_of, is_ready
from bot.steps.situation import Situation
from bot.steps.step import Step

_NAMES_SHOWN = 6


class VerifyDaemonSets(Step, frozen=True, kw_only=True, tag="verify-daemonsets"):
    verb: ClassVar[Verb] = Verb.VERIFY
    reads_only: ClassVar[bool] = True
    aftercare: ClassVar[bool] = True

    were_ready: tuple[str, ...]
    """`namespace/name` of the DaemonSets."""
    timeout_s: float

    @property
    def title(self) -> str:
        return "see that the node's DaemonSet pods are Ready again"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"wait up to {self.timeout_s:g} s for {_listed(self.were_ready)}",)

    @property
    def desired(self) -> dict[str, Any]:
        """Not which: pods come and go while people decide."""
        return {"daemonsets": "ready again"}

    def next(self, facts: Facts) -> Action:
        pods = facts.cluster.pods_on_node
        ready = ready_daemonsets(pods)
        missing = [name for name in self.were_ready if name not in ready]
        until = facts.began + timedelta(seconds=self.timeout_s)
        if missing and facts.now < until:
            return Wait(until, f"not Ready yet: {_listed(missing)}")
        if missing:
            return Fail(f"not Ready {self.timeout_s:g} s after the restart of containerd: {_listed(missing)}")
        if deaf := [_name(pod) for pod in pods if pod.metadata.uid in facts.on_node.sockets.stale]:
            return Fail(f"still holding containerd's socket of before the restart: {_listed(deaf)}; restart them")
        return Done(f"all {len(self.were_ready)} DaemonSet pods that were Ready are Ready")


def ready_daemonsets(pods: Iterable[Pod]) -> tuple[str, ...]:
    """`namespace/name` of the DaemonSets that have a Ready pod among these, in order."""
    return tuple(sorted({name for pod in pods if is_ready(pod) and (name := daemonset_of(pod)) is not None}))


def propose(s: Situation) -> VerifyDaemonSets | None:
    """For a plan that restarts containerd; `None` where no DaemonSet has a Ready pod on the node."""
    ready = ready_daemonsets(s.facts.cluster.pods_on_node)
    if not ready:
        return None
    return VerifyDaemonSets(
        were_ready=ready,
        timeout_s=s.settings.restart.settle_s,
        why="a restart of containerd may cost what the node itself needs",
    )


def _name(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMES_SHOWN} more" if len(every) > _NAMES_SHOWN else ""
    return f"{', '.join(every[:_NAMES_SHOWN])}{more}"

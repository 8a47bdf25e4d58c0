"""Give a DaemonSet that mounts containerd's socket the new one, as CSM's procedure says (domain.md 4.1).

containerd makes its socket anew at every start; a container that mounted the *file* keeps the old one and hears
nothing any more, though it stays Ready. Whether it is so is seen on the node itself (`facts/sockets.py`), so a
DaemonSet that mounts the folder, or reconnected by itself, is left alone.

The whole DaemonSet is rolled anew, not this node's pod deleted: that can be allowed for one DaemonSet by its name,
while deleting pods could only be allowed for all that run in its namespace. And it is what the procedure does.

Where it fails, people are told and nothing is undone: an undo would restart containerd once more, and the socket
would be dead all the same.
"""

from datetime import timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Api, Done, Fail, RestartDaemonSet, Wait
from bot.core.facts import Facts
from bot.core.model import Verb
from bot.core.objects import Pod
from bot.core.pods import daemonset_of, is_ready
from bot.steps.situation import Situation
from bot.steps.step import Step, failed, succeeded, words


class Reconnect(Step, frozen=True, kw_only=True, tag="reconnect"):
    verb: ClassVar[Verb] = Verb.RESTART
    aftercare: ClassVar[bool] = True

    daemonset: str
    """`namespace/name`."""
    incident: str
    timeout_s: float
    undoing: bool = False
    """In an undo, which restarts containerd a second time."""

    @property
    def name(self) -> str:
        return f"undo-reconnect-{self._short}" if self.undoing else f"reconnect-{self._short}"

    @property
    def _short(self) -> str:
        return self.daemonset.rpartition("/")[2]

    @property
    def title(self) -> str:
        return f"see that {self._short} reaches containerd, and restart it if not"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"look whether its pod still holds the socket of before; then {self._command}",
            f"wait up to {self.timeout_s:g} s for its pod on this node",
        )

    @property
    def desired(self) -> dict[str, Any]:
        return {"daemonset": self.daemonset, "socket": "current"}

    @property
    def _command(self) -> str:
        namespace, _, name = self.daemonset.partition("/")
        return f"kubectl rollout restart -n {namespace} daemonset {name}"

    def next(self, facts: Facts) -> Action:
        pods = [pod for pod in facts.cluster.pods_on_node if daemonset_of(pod) == self.daemonset]
        stale = [pod for pod in pods if pod.metadata.uid in facts.on_node.sockets.stale]
        if not stale and any(is_ready(pod) for pod in pods):
            return Done(f"{self._short} reaches containerd")
        if failed(facts, "restart-daemonset"):
            said = words(facts.outcomes["restart-daemonset"])
            return Fail(f"{self._short} could not be restarted ({said}); run {self._command}")
        if stale and not succeeded(facts, "restart-daemonset"):
            return Api(self._restart, f"restart {self._short}, which holds the socket of before")
        until = facts.began + timedelta(seconds=self.timeout_s)
        if facts.now < until:
            return Wait(until, _state(self._short, pods, stale))
        return Fail(f"{_state(self._short, pods, stale)}; look at it, then {self._command}")

    @property
    def _restart(self) -> RestartDaemonSet:
        namespace, _, name = self.daemonset.partition("/")
        return RestartDaemonSet(namespace, name, f"{self.incident}{'-undo' if self.undoing else ''}")


def _state(name: str, pods: list[Pod], stale: list[Pod]) -> str:
    if not pods:
        return f"{name} has no pod on the node"
    return f"{name} still holds the socket of before" if stale else f"the pod of {name} is not Ready"


def propose(s: Situation) -> tuple[Reconnect, ...]:
    """For a plan that restarts containerd: those of the configured DaemonSets that have a pod on the node."""
    there = {daemonset_of(pod) for pod in s.facts.cluster.pods_on_node}
    return tuple(
        Reconnect(
            daemonset=name,
            incident=s.incident,
            timeout_s=s.settings.restart.settle_s,
            why="containerd makes its socket anew, and this pod may have the old one mounted",
        )
        for name in s.settings.restart.reconnect
        if name in there
    )

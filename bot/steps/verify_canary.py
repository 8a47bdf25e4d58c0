"""Prove the node with a pod of the RuntimeClass, pinned to it: past scheduler and cordon, to the kubelet.

Three verdicts (design.md 4.1, hop 8). Only a Kata failure of that node's own disproves the repair (`refusal`); an
image that does not come, a policy, a quota or no room say nothing about it. The pod reports its kernel by
its termination message: a Kata guest has another one than its host.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Api, CreateCanary, DeleteCanary, Done, Fail, Verdict, Wait
from bot.core.facts import Facts
from bot.core.model import Family, Verb
from bot.core.moments import EPOCH
from bot.core.objects import Event, Pod, TerminatedState
from bot.core.pods import has_sandbox
from bot.steps.refusal import MISSING, UNFIT
from bot.steps.step import Step, failed, succeeded, words


class VerifyCanary(Step, frozen=True, kw_only=True, tag="verify-canary"):
    verb: ClassVar[Verb] = Verb.VERIFY
    needs_node: ClassVar[bool] = False

    namespace: str
    pod: str
    node: str
    host_kernel: str
    """As the node reported it; a guest has another one."""
    runtime_class: str
    incident: str
    image: str
    image_pull_policy: str
    cpu: str
    memory: str
    families: tuple[Family, ...]
    """What was seen: the same failure."""
    timeout_s: float
    same_kernel_ok: bool
    """The site waived the check of the guest's kernel."""

    @property
    def title(self) -> str:
        return f"prove {self.node} with a canary pod of class {self.runtime_class}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"create pod {self.namespace}/{self.pod} on {self.node} ({self.image})",
            f"wait up to {self.timeout_s:g} s for it to report its guest's kernel",
        )

    @property
    def desired(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "class": self.runtime_class,
            "namespace": self.namespace,
            "image": self.image,
        }

    def next(self, facts: Facts) -> Action:
        pod = facts.cluster.canary
        if failed(facts, "create-canary"):
            said = words(facts.outcomes["create-canary"])
            return _doubt(f"the cluster did not admit the canary pod: {said}")
        if pod is None:
            if succeeded(facts, "create-canary"):
                return _doubt("the canary pod was deleted before it could prove anything")
            return Api(self.creation, f"create the canary pod {self.pod} on {self.node}")
        return self._judge(pod, facts)

    @property
    def creation(self) -> CreateCanary:
        return CreateCanary(
            namespace=self.namespace,
            name=self.pod,
            node=self.node,
            runtime_class=self.runtime_class,
            incident=self.incident,
            image=self.image,
            deadline_s=round(self.timeout_s),
            cpu=self.cpu,
            memory=self.memory,
            image_pull_policy=self.image_pull_policy,
        )

    def _judge(self, pod: Pod, facts: Facts) -> Action:
        ended = _ended(pod)
        if ended is not None:
            return self._judge_kernel(ended)
        until = facts.began + timedelta(seconds=self.timeout_s)
        failed, late = pod.status.phase == "Failed", facts.now >= until
        refused = self._refused(pod, facts, over=failed or late)
        if refused is not None:
            return refused
        if failed:
            return _doubt(
                f"the canary pod was rejected: {pod.status.reason or ''} {pod.status.message or ''}".strip()
            )
        if late:
            return _doubt(f"the canary pod did not finish within {self.timeout_s:g} s ({_state(pod, facts)})")
        return Wait(until, f"the canary pod is {_state(pod, facts)}")

    def _refused(self, pod: Pod, facts: Facts, *, over: bool) -> Fail | None:
        """Its sandbox does not start, and why speaks against the node; `over`: the kubelet will not try again.

        The pod may be over before we look at it: its own deadline passes also while the bot is down.
        """
        if has_sandbox(pod):
            return None
        against = {*self.families, *(UNFIT if over else MISSING)}
        seen = newest_failure(facts, facts.cluster.canary_events, against, EPOCH)
        if seen is None:
            return None
        same = facts.classify(seen) in self.families
        what = f"the same failure again on {self.node}" if same else f"Kata does not run on {self.node}"
        return Fail(f"{what}: {seen.message}", Verdict.DISPROVEN)

    def _judge_kernel(self, ended: TerminatedState) -> Action:
        guest = (ended.message or "").strip()
        if ended.exit_code != 0 or not guest:
            return _doubt(
                f"the canary's sandbox started, but its container ended with {ended.exit_code} "
                f"and did not report a kernel ({guest or ended.reason or 'no message'})"
            )
        if guest != self.host_kernel:
            return Done(f"a canary pod ran on {self.node} with the guest kernel {guest}", Verdict.PROVEN)
        if self.same_kernel_ok:
            return Done(f"a canary pod ran on {self.node} (guest kernel not checked)", Verdict.PROVEN)
        return _doubt(f"the canary pod ran with the kernel of its host ({guest}), so not in a micro-VM")

    def undo(self) -> tuple[Step, ...]:
        return (
            CleanUpCanary(namespace=self.namespace, pod=self.pod, tidied="undo", why="the canary pod is ours"),
        )


class CleanUpCanary(Step, frozen=True, kw_only=True, tag="verify-cleanup"):
    """Delete the canary pod, whatever it proved. A step of its own, so that the verdict is journaled before."""

    verb: ClassVar[Verb] = Verb.VERIFY
    needs_node: ClassVar[bool] = False

    namespace: str
    pod: str
    tidied: str = ""
    """"undo" in an undo, so that both names can be in one incident."""

    @property
    def name(self) -> str:
        return f"{self.tidied}-verify" if self.tidied else "verify-cleanup"

    @property
    def title(self) -> str:
        return f"delete the canary pod {self.namespace}/{self.pod}"

    @property
    def desired(self) -> dict[str, Any]:
        return {"namespace": self.namespace, "canary": None}

    def next(self, facts: Facts) -> Action:
        if facts.cluster.canary is None or facts.cluster.canary.metadata.deletion_timestamp is not None:
            return Done("no canary pod is left")
        return failed(facts, "delete-canary") or Api(DeleteCanary(self.namespace, self.pod), self.title)


def newest_failure(
    facts: Facts, events: tuple[Event, ...], families: Collection[Family], after: datetime
) -> Event | None:
    """The newest Event with a later stamp than `after` that the rules call one of `families`.

    Events bear their writer's time, which may be minutes from ours. So `after` is a stamp of the cluster's: of an
    Event or of a container. The canary's need none: they are about a pod that was made for this proof.
    """
    same = [e for e in events if e.at > after and facts.classify(e) in families]
    return max(same, key=lambda event: event.at, default=None)


def heard_before(facts: Facts) -> datetime:
    """What was said of the hanging jobs up to here is of before the step; our own time where nobody read that."""
    return facts.began - timedelta(seconds=1) if facts.heard is None else facts.heard


def _doubt(why: str) -> Done:
    return Done(why, Verdict.INCONCLUSIVE)


def _ended(pod: Pod) -> TerminatedState | None:
    states = [status.state for status in pod.status.container_statuses or () if status.state]
    return next((state.terminated for state in states if state.terminated), None)


def _state(pod: Pod, facts: Facts) -> str:
    """Where it hangs, in the cluster's words."""
    newest = max(facts.cluster.canary_events, key=lambda event: event.at, default=None)
    said = f": {newest.reason}: {newest.message}" if newest else ""
    return f"{pod.status.phase or 'Pending'}{said}"[:300]

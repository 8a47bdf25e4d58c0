"""Create the RuntimeClass where there is none, and see that the waiting job gets its pod.

An existing one is never changed: its handler is immutable, and it may be another tool's (domain.md 8, row 14). The
Job controller tries again by itself, on old releases after up to six minutes.
"""

from datetime import timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Api, CreateRuntimeClass, Done, Fail, Verdict, Wait
from bot.core.claims import owners_in
from bot.core.facts import Facts
from bot.core.kata import HANDLERS
from bot.core.model import Diagnosis, Family, Verb
from bot.core.objects import KATA_LABEL
from bot.core.pods import has_sandbox
from bot.core.runtime_class import differences
from bot.steps.configure import QEMU
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import Step, failed
from bot.steps.verify_canary import heard_before, newest_failure


class CreateClass(Step, frozen=True, kw_only=True, tag="runtimeclass"):
    verb: ClassVar[Verb] = Verb.RUNTIMECLASS
    needs_node: ClassVar[bool] = False

    wanted: CreateRuntimeClass

    @property
    def title(self) -> str:
        return f"create the RuntimeClass {self.wanted.name}"

    @property
    def detail(self) -> tuple[str, ...]:
        overhead = ", ".join(f"{k}={v}" for k, v in sorted(self.wanted.overhead.items()))
        selector = ", ".join(f"{k}={v}" for k, v in sorted(self.wanted.node_selector.items()))
        return (f"handler {self.wanted.handler}", f"overhead {overhead}", f"nodeSelector {selector}")

    @property
    def desired(self) -> dict[str, Any]:
        return {
            "class": self.wanted.name,
            "handler": self.wanted.handler,
            "overhead": self.wanted.overhead,
            "selector": self.wanted.node_selector,
        }

    def next(self, facts: Facts) -> Action:
        found = facts.cluster.runtime_class
        if found is None:
            return failed(facts, "create-runtimeclass") or Api(self.wanted, self.title)
        if unlike := differences(found, self.wanted):
            return Fail(f"somebody created {self.wanted.name} meanwhile, and it differs: {'; '.join(unlike)}")
        return Done(f"the RuntimeClass {self.wanted.name} is there with the handler {found.handler}")


class VerifyAdmitted(Step, frozen=True, kw_only=True, tag="verify-admitted"):
    """The API server admits the job's pod, or the kubelet finds the class: whatever follows is another failure."""

    verb: ClassVar[Verb] = Verb.VERIFY
    needs_node: ClassVar[bool] = False
    reads_only: ClassVar[bool] = True

    families: tuple[Family, ...]
    timeout_s: float

    @property
    def title(self) -> str:
        return "see that the waiting jobs get their pods"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"wait up to {self.timeout_s:g} s for the Job controller's next try",)

    @property
    def desired(self) -> dict[str, Any]:
        return {"waiting": "admitted"}

    def next(self, facts: Facts) -> Action:
        waiting = self._waiting(facts)
        if not waiting:
            return Done("no job is kept waiting by the RuntimeClass any more", Verdict.PROVEN)
        names = ", ".join(waiting)
        until = facts.began + timedelta(seconds=self.timeout_s)
        if facts.now < until:
            return Wait(until, f"{names} waits for the next try")
        again = newest_failure(facts, facts.cluster.rescued_events, self.families, heard_before(facts))
        if again is not None:
            return Fail(f"{names} still fails in the same way: {again.message}", Verdict.DISPROVEN)
        return Done(f"{names} was not tried again within {self.timeout_s:g} s", Verdict.INCONCLUSIVE)

    def _waiting(self, facts: Facts) -> list[str]:
        """Jobs without a pod, and pods whose class the kubelet could not find when it last said something."""
        jobs = [
            job.metadata.name for job in facts.cluster.rescued_jobs if not job.finished and not job.status.active
        ]
        pods = [
            pod.metadata.name
            for pod in facts.cluster.rescued
            if not has_sandbox(pod) and self._last_said(pod.metadata.uid, facts)
        ]
        return [*jobs, *pods]

    def _last_said(self, uid: str, facts: Facts) -> bool:
        about = [e for e in facts.cluster.rescued_events if e.involved_object.uid == uid]
        newest = max(about, key=lambda event: event.at, default=None)
        return newest is None or facts.classify(newest) in self.families


def propose(s: Situation) -> tuple[Step, ...]:
    """For a RuntimeClass as target. Empty when it is there as it should be.

    Raises CannotRepairError when it is not ours to create, or another one is in the way.
    """
    create = propose_missing(s, s.target.name)
    if create is None:
        return ()
    if owners := owners_in(s.facts.cluster.workers, s.facts.cluster.pods_on_node):
        raise _refusal(s, f"the RuntimeClass {s.target.name} is missing, and {owners[0].why}")
    if not s.facts.cluster.rescued and not s.facts.cluster.rescued_jobs:
        return (create,)
    return create, VerifyAdmitted(
        families=s.families,
        timeout_s=s.settings.canary.admitted_timeout_s,
        why="the jobs that wait are what the repair is for",
    )


def propose_missing(s: Situation, name: str) -> CreateClass | None:
    """`None` when the class is there. Raises CannotRepairError when it is not ours, or differs."""
    if name not in HANDLERS and name != s.settings.kata.runtime_class:
        raise _refusal(s, f"{name} is none of the runtime classes that this bot manages")
    wanted = CreateRuntimeClass(
        name=name,
        handler=name if name in HANDLERS else QEMU,
        overhead={str(key): value for key, value in s.settings.kata.overhead.items()},
        node_selector={KATA_LABEL: "true"},
    )
    found = s.facts.cluster.runtime_class
    if found is None:
        why = f"the cluster has no RuntimeClass {name}, so no pod of that class is made"
        return CreateClass(wanted=wanted, why=why)
    if unlike := differences(found, wanted):
        raise _refusal(
            s, f"the RuntimeClass {name} is there, and it is not the one to create: {'; '.join(unlike)}"
        )
    return None


def _refusal(s: Situation, why: str) -> CannotRepairError:
    family = s.families[0] if s.families else Family.RUNTIMECLASS_MISSING
    look = f"kubectl get runtimeclass {s.target.name} -o yaml"
    return CannotRepairError(Diagnosis(family, why, guidance=(look, "whoever owns it must decide")))

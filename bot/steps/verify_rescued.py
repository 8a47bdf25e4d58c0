"""See that the hanging jobs run: the proof that counts, after the node takes pods again.

The kubelet retries a sandbox for ever, so a pod that hung starts by itself (kata-failures.md 1); it is
never deleted. Then the same failure has to stay away for the quiet window. Another one is another incident's.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bot.core.action import Action, Done, Fail, Verdict, Wait
from bot.core.facts import Facts
from bot.core.fate import is_dead, job_fates
from bot.core.model import Family, Verb
from bot.core.moments import EPOCH
from bot.core.objects import Pod
from bot.core.pods import has_sandbox
from bot.steps.step import Step
from bot.steps.verify_canary import heard_before, newest_failure


class VerifyRescued(Step, frozen=True, kw_only=True, tag="verify-rescued"):
    verb: ClassVar[Verb] = Verb.VERIFY
    needs_node: ClassVar[bool] = False
    reads_only: ClassVar[bool] = True

    families: tuple[Family, ...]
    timeout_s: float
    quiet_s: float

    @property
    def title(self) -> str:
        return "see that the hanging jobs run"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"wait up to {self.timeout_s:g} s for their pods to start by themselves",
            f"the same failure must stay away for {self.quiet_s:g} s",
        )

    @property
    def desired(self) -> dict[str, Any]:
        return {"rescued": "running"}

    def next(self, facts: Facts) -> Action:
        pods = [pod for pod in facts.cluster.rescued if not is_dead(pod)]
        if not pods:
            return self._without_pods(facts)
        hanging = [pod for pod in pods if not has_sandbox(pod)]
        if hanging:
            return self._wait_for(hanging, facts)
        started = max((at for pod in pods for at in _starts(pod)), default=None)
        after = max(started or EPOCH, heard_before(facts))
        again = newest_failure(facts, facts.cluster.rescued_events, self.families, after)
        if again is not None:
            return Fail(f"the same failure came back: {again.message}", Verdict.DISPROVEN)
        until = (started or facts.began) + timedelta(seconds=self.quiet_s)
        names = ", ".join(pod.metadata.name for pod in pods)
        if facts.now < until:
            return Wait(until + timedelta(seconds=1), f"{names} started; the failure must stay away until then")
        return _done(facts, f"{names} started by itself after the repair", Verdict.PROVEN)

    def _wait_for(self, hanging: list[Pod], facts: Facts) -> Action:
        until = facts.began + timedelta(seconds=self.timeout_s)
        names = ", ".join(pod.metadata.name for pod in hanging)
        if facts.now < until:
            return Wait(until, f"{names} did not start yet")
        again = newest_failure(facts, facts.cluster.rescued_events, self.families, heard_before(facts))
        if again is not None:
            return Fail(f"{names} still fails in the same way: {again.message}", Verdict.DISPROVEN)
        why = f"{names} did not start within {self.timeout_s:g} s, for another reason"
        return _done(facts, why, Verdict.INCONCLUSIVE)

    def _without_pods(self, facts: Facts) -> Action:
        """No pod was admitted yet, or they are gone: their Jobs know."""
        waiting = [job for job in facts.cluster.rescued_jobs if not job.finished]
        if not waiting:
            return _done(facts, "no job is waiting any more: they ended or were deleted meanwhile")
        until = facts.began + timedelta(seconds=self.timeout_s)
        names = ", ".join(job.metadata.name for job in waiting)
        if facts.now < until:
            return Wait(until, f"{names} has no pod yet")
        return _done(facts, f"{names} got no pod within {self.timeout_s:g} s", Verdict.INCONCLUSIVE)


def _done(facts: Facts, evidence: str, verdict: Verdict | None = None) -> Done:
    return Done(evidence, verdict, job_fates(facts.cluster.rescued_jobs, facts.cluster.rescued))


def _starts(pod: Pod) -> Iterator[datetime]:
    for status in pod.status.all_containers:
        running = status.state.running if status.state else None
        if running is not None and running.started_at is not None:
            yield running.started_at

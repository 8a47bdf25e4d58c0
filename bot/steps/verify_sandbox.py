"""Start a Kata sandbox on the node itself with crictl: no label, no scheduler, no image of the site needed.

It is a rehearsal for the canary, cheaper and closer to the cause. Only the same Kata failure stops the
plan; a missing CNI or pause image says nothing about Kata, and the canary decides.
"""

from typing import Any, ClassVar

from bot.core.action import Action, Done, Fail, Outcome, OutcomeKind, Run, Verdict
from bot.core.facts import Facts
from bot.core.facts.runtime import SOCKET
from bot.core.model import Family, Verb
from bot.core.objects import Event, EventSource, Meta, ObjectReference
from bot.steps.program import run
from bot.steps.step import Step, words

_TIMEOUT_S = 60


class VerifySandbox(Step, frozen=True, kw_only=True, tag="verify-sandbox"):
    verb: ClassVar[Verb] = Verb.VERIFY

    handler: str
    incident: str
    families: tuple[Family, ...]

    @property
    def title(self) -> str:
        return f"start a test sandbox with {self.handler} on the node"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"crictl runp --runtime {self.handler}, then stopp and rmp",)

    @property
    def desired(self) -> dict[str, Any]:
        return {"handler": self.handler, "sandbox": "starts"}

    def next(self, facts: Facts) -> Action:
        outcome = facts.outcomes.get("sandbox")
        if outcome is None or outcome.kind is OutcomeKind.UNKNOWN:
            return Run(
                run(
                    "sandbox",
                    "sandbox.sh",
                    SOCKET,
                    self.handler,
                    f"imsbot-test-{self.incident}",
                    str(_TIMEOUT_S),
                    timeout_s=2 * _TIMEOUT_S,
                    purpose=self.title,
                )
            )
        if outcome.kind is OutcomeKind.OK:
            return Done(f"a sandbox with {self.handler} started and was removed")
        if facts.classify(_as_event(outcome)) in self.families:
            return Fail(f"the same failure in a test sandbox: {words(outcome)}", Verdict.DISPROVEN)
        return Done(f"the test sandbox says nothing about Kata: {words(outcome)}")


def _as_event(outcome: Outcome) -> Event:
    """What the kubelet would have said: the rules know failures by its words."""
    return Event(
        metadata=Meta(),
        involved_object=ObjectReference(kind="Pod"),
        source=EventSource(component="kubelet"),
        reason="FailedCreatePodSandBox",
        message=f"Failed to create pod sandbox: {' '.join(outcome.output.split())}",
        type="Warning",
    )

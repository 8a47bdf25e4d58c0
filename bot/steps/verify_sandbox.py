"""Start a Kata sandbox on the node itself with crictl: no label, no scheduler, no image of the site needed.

It is a rehearsal for the canary, cheaper and closer to the cause. Only a Kata failure stops the plan (`refusal`),
and at once: the label comes next, which would show the node to the scheduler, and nobody tries again. A missing
CNI or pause image says nothing about Kata, and the canary decides.
"""

import re
from typing import Any, ClassVar

import msgspec

from bot.core.action import Action, Done, Fail, OutcomeKind, Run, Verdict
from bot.core.facts import Facts
from bot.core.facts.runtime import SOCKET
from bot.core.model import Family, Verb
from bot.core.objects import Event, EventSource, Meta, ObjectReference
from bot.steps.program import run
from bot.steps.refusal import UNFIT
from bot.steps.step import Step, words

_TIMEOUT_S = 60

_LAST_WORDS = re.compile(r'level=fatal msg="((?:[^"\\\n]|\\.)*)"|^FATA\[\d{4,}\] (?s:(.*))', re.MULTILINE)
"""How crictl ends: in logrus' words, quoted as Go quotes where there is no terminal, and plain where there is one.
Most releases write the same error before it, in a line of klog's (containerd 11169, minikube 17400)."""

_ESCAPED = re.compile(r"\\(.)")
_CONTROL = {"n": "\n", "t": "\t"}
_ERROR = "rpc error: "
"""Here begins what the kubelet would have been told; before it is what crictl was doing, in changing words."""


class VerifySandbox(Step, frozen=True, kw_only=True, tag="verify-sandbox"):
    verb: ClassVar[Verb] = Verb.VERIFY

    handler: str
    incident: str
    families: tuple[Family, ...]
    """What was seen: the same failure."""

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
        said = _refusal(outcome.output)
        shown = words(msgspec.structs.replace(outcome, output=" ".join(said.split())))
        family = facts.classify(_as_event(said))
        if family in self.families:
            return Fail(f"the same failure in a test sandbox: {shown}", Verdict.DISPROVEN)
        if family in UNFIT:
            return Fail(f"Kata does not run in a test sandbox: {shown}", Verdict.DISPROVEN)
        return Done(f"the test sandbox says nothing about Kata: {shown}")


def _refusal(output: str) -> str:
    """containerd's answer out of what crictl printed; all of it where crictl did not end with an answer."""
    said = output
    for found in _LAST_WORDS.finditer(output):
        quoted, plain = found.groups()
        said = plain if quoted is None else _ESCAPED.sub(lambda c: _CONTROL.get(c[1], c[1]), quoted)
    return said[max(0, said.find(_ERROR)) :].strip()


def _as_event(said: str) -> Event:
    """What the kubelet would have said: the rules know failures by its words."""
    return Event(
        metadata=Meta(),
        involved_object=ObjectReference(kind="Pod"),
        source=EventSource(component="kubelet"),
        reason="FailedCreatePodSandBox",
        message=f"Failed to create pod sandbox: {said}",
        type="Warning",
    )

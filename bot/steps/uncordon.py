"""Give back our own cordon, and nobody else's."""

from typing import Any, ClassVar

from bot.core.action import Action, Api, Done, SetCordon
from bot.core.facts import Facts
from bot.core.marks import CORDON, cordoned_by
from bot.core.model import Verb
from bot.steps.node_step import NodeStep
from bot.steps.step import failed


class Uncordon(NodeStep, frozen=True, kw_only=True, tag="uncordon"):
    verb: ClassVar[Verb] = Verb.UNCORDON

    @property
    def title(self) -> str:
        return f"uncordon {self.node}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"PATCH node {self.node}: spec.unschedulable=false, only while annotated with {self.incident}",)

    @property
    def desired(self) -> dict[str, Any]:
        return {"node": self.node, "cordoned": False}

    def next(self, facts: Facts) -> Action:
        node = self.found(facts)
        if node is None:
            return Done(self.gone)
        if not node.cordoned and node.metadata.annotation(CORDON) != self.incident:
            return Done(f"{self.node} takes pods again")
        # Our mark alone, left by a person's `kubectl uncordon`, would refuse every later cordon of ours.
        if node.cordoned and cordoned_by(node) != self.incident:
            return Done(f"{self.node} stays cordoned: the cordon is not ours (any more)")
        return failed(facts, "set-cordon") or Api(
            SetCordon(self.node, self.node_uid, self.incident, cordoned=False), self.title
        )

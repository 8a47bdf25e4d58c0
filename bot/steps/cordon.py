"""Keep new pods away from the node while it is repaired, marked as ours in the same PATCH."""

from typing import Any, ClassVar

from bot.core.action import Action, Api, Done, Fail, SetCordon
from bot.core.facts import Facts
from bot.core.marks import cordoned_by
from bot.core.model import Verb
from bot.steps.node_step import NodeStep
from bot.steps.step import Step, failed
from bot.steps.uncordon import Uncordon


class Cordon(NodeStep, frozen=True, kw_only=True, tag="cordon"):
    verb: ClassVar[Verb] = Verb.CORDON

    undoing: bool = False
    """Around the restart of an undo, where anybody's cordon serves: a person who cordons a node that was repaired
    badly must not keep the bad configuration there."""

    @property
    def title(self) -> str:
        return f"cordon {self.node}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"PATCH node {self.node}: spec.unschedulable=true, annotated with {self.incident}",)

    @property
    def desired(self) -> dict[str, Any]:
        return {"node": self.node, "cordoned": True}

    def next(self, facts: Facts) -> Action:
        node = self.found(facts)
        if node is None:
            return Fail(self.gone)
        if cordoned_by(node) == self.incident:
            return Done(f"{self.node} is cordoned by this incident")
        if node.cordoned and self.undoing:
            return Done(f"{self.node} is cordoned already, and stays so: that cordon is not ours")
        if node.cordoned:
            return Fail(f"{self.node} is cordoned already, and not by this incident")
        return failed(facts, "set-cordon") or Api(
            SetCordon(self.node, self.node_uid, self.incident, cordoned=True), self.title
        )

    def undo(self) -> tuple[Step, ...]:
        return (
            Uncordon(node=self.node, node_uid=self.node_uid, incident=self.incident, why="the cordon is ours"),
        )

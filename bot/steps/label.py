"""Mark the node as one that can run Kata, after it has proven itself; or take our own mark back."""

from typing import Any, ClassVar

from bot.core.action import Action, Api, Done, Fail, SetLabel
from bot.core.facts import Facts
from bot.core.marks import labelled_by
from bot.core.model import Verb
from bot.core.objects import KATA_LABEL
from bot.steps.node_step import NodeStep
from bot.steps.situation import Situation
from bot.steps.step import ALREADY, Step, failed


class Label(NodeStep, frozen=True, kw_only=True, tag="label"):
    verb: ClassVar[Verb] = Verb.LABEL

    @property
    def title(self) -> str:
        return f"label {self.node} with {KATA_LABEL}=true"

    @property
    def detail(self) -> tuple[str, ...]:
        return (f"PATCH node {self.node}: label {KATA_LABEL}=true, annotated with {self.incident}",)

    @property
    def desired(self) -> dict[str, Any]:
        return {"node": self.node, "label": KATA_LABEL, "value": "true"}

    def next(self, facts: Facts) -> Action:
        node = self.found(facts)
        if node is None:
            return Fail(self.gone)
        if node.kata_labelled:
            return Done(f"{self.node} has {KATA_LABEL}=true")
        return failed(facts, "set-label") or Api(
            SetLabel(self.node, self.node_uid, self.incident, labelled=True), self.title
        )

    def undo(self) -> tuple[Step, ...]:
        return (
            Unlabel(
                node=self.node,
                node_uid=self.node_uid,
                incident=self.incident,
                why="a node that is not proven must not attract Kata pods",
            ),
        )


class Unlabel(NodeStep, frozen=True, kw_only=True, tag="undo-label"):
    verb: ClassVar[Verb] = Verb.LABEL

    @property
    def title(self) -> str:
        return f"give {self.node} back the label that it had"

    @property
    def desired(self) -> dict[str, Any]:
        return {"node": self.node, "label": KATA_LABEL, "value": None}

    def next(self, facts: Facts) -> Action:
        node = self.found(facts)
        mark = labelled_by(node) if node is not None else None
        if mark is None or mark[0] != self.incident:
            return Done(f"no label of ours is on {self.node}")
        return failed(facts, "set-label") or Api(
            SetLabel(self.node, self.node_uid, self.incident, labelled=False), self.title
        )


def propose(s: Situation) -> Label | None:
    node = s.facts.cluster.node
    assert node is not None, "preflight found the node"
    if node.kata_labelled and not s.documented:
        return None
    return Label(
        node=s.target.name,
        node_uid=s.target.uid,
        incident=s.incident,
        why=ALREADY if node.kata_labelled else f"the RuntimeClass selects {KATA_LABEL}=true, which the node lacks",
    )

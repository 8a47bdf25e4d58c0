"""What the steps that change a Node object have in common: which Node, by uid, and for which incident."""

from typing import ClassVar

from bot.core.facts import Facts
from bot.core.objects import Node
from bot.steps.step import Step


class NodeStep(Step, frozen=True, kw_only=True):
    """A change through the API alone; it needs no facts of the machine."""

    needs_node: ClassVar[bool] = False

    node: str
    node_uid: str
    incident: str

    @property
    def gone(self) -> str:
        return f"the Node {self.node} with uid {self.node_uid} is gone"

    def found(self, facts: Facts) -> Node | None:
        """The very Node; `None` when it is gone, or another one has its name now."""
        node = facts.cluster.node
        return node if node is not None and node.metadata.uid == self.node_uid else None

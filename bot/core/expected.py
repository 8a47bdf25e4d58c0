"""Which nodes a sweep looks at: those that are expected to run Kata. It never proposes Kata for others."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bot.core.objects import Node


@dataclass(frozen=True, slots=True)
class Expected:
    nodes: tuple[Node, ...]
    gone: tuple[str, ...]
    """Expected by name, and no Node that the bot may touch has that name."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted([*(node.metadata.name for node in self.nodes), *self.gone]))


def expected_nodes(workers: Iterable[Node], listed: Collection[str], remembered: Collection[str]) -> Expected:
    """Workers that the site lists, that carry the Kata label, or that an earlier sweep expected.

    A node that lost its label is what a sweep is for, so one that was expected stays so until a person says
    `imsbot forget`.
    """
    known = {node.metadata.name: node for node in workers}
    wanted = {*listed, *remembered, *(name for name, node in known.items() if node.kata_labelled)}
    return Expected(
        nodes=tuple(known[name] for name in sorted(wanted) if name in known),
        gone=tuple(sorted(wanted - known.keys())),
    )

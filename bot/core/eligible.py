"""The nodes for a job that no labelled node can take: who has the label, who would fit, who may be touched.

This is what the API's objects tell. Which of the eligible nodes is picked is decided on their facts, when the
incident is looked at.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.claims import claims_on
from bot.core.kata import JoinPolicy
from bot.core.model import Blocker
from bot.core.objects import KATA_LABEL, Node, Pod
from bot.core.scheduling import misfit


@dataclass(frozen=True, slots=True)
class Eligible:
    """Which nodes would take the pod if they had the label, and what speaks against each of the others."""

    nodes: tuple[Node, ...]
    fitting: tuple[Node, ...]
    """As the scheduler sees it; `nodes` are those of them that nobody claims."""
    misfits: tuple[str, ...]
    blockers: tuple[Blocker, ...]


def labelled_nodes(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node.kata_labelled)


def eligible_nodes(pod: Pod, nodes: Sequence[Node], pods: Iterable[Pod], policy: JoinPolicy) -> Eligible:
    """Sorted out by the scheduler's filters first, then by who may touch them."""
    pods = tuple(pods)
    misfits, fitting, free = [], [], []
    blockers: list[Blocker] = []
    for node in nodes:
        if (why := misfit(pod, node, without_label=KATA_LABEL)) is not None:
            misfits.append(why)
            continue
        fitting.append(node)
        against = (*not_a_worker(node.metadata.name, policy), *_not_now(node), *claims_on(node, pods))
        blockers += against
        if not against:
            free.append(node)
    return Eligible(tuple(free), tuple(fitting), tuple(misfits), tuple(blockers))


def not_a_worker(name: str, policy: JoinPolicy) -> tuple[Blocker, ...]:
    """Masters, storage nodes and compute xnames are never touched (domain.md 9.6)."""
    if re.search(policy.node_pattern, name):
        return ()
    return (Blocker("worker", f"{name} does not match nodes.name_pattern ({policy.node_pattern})"),)


def _not_now(node: Node) -> tuple[Blocker, ...]:
    name, label = node.metadata.name, node.metadata.label(KATA_LABEL)
    if not node.ready:
        return (Blocker("ready", f"{name} is not Ready"),)
    if label is not None:
        return (Blocker("label", f"{name} has {KATA_LABEL}={label}: somebody keeps Kata pods away from it"),)
    return ()

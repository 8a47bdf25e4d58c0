"""The nodes for a job that no labelled node can take: who has the label, who would fit, who may be touched.

This is what the API's objects tell. Which of the eligible nodes is picked is decided on their facts, when the
incident is looked at.
"""

import re
from collections.abc import Iterable
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
    """Those that fit and that nobody claims."""
    misfits: tuple[str, ...]
    blockers: tuple[Blocker, ...]


def labelled_nodes(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node.kata_labelled)


def eligible_nodes(pod: Pod, nodes: Iterable[Node], pods: Iterable[Pod], policy: JoinPolicy) -> Eligible:
    """Sorted out by the scheduler's filters first, then by who may touch them."""
    pods = tuple(pods)
    misfits, free = [], []
    blockers: list[Blocker] = []
    for node in nodes:
        if (why := misfit(pod, node, without_label=KATA_LABEL)) is not None:
            misfits.append(why)
        elif against := _against(node, pods, policy):
            blockers += against
        else:
            free.append(node)
    return Eligible(tuple(free), tuple(misfits), tuple(blockers))


def fits_nowhere(pod: Pod, nodes: Iterable[Node]) -> tuple[str, ...] | None:
    """Why each node would refuse the pod with the label, too; `None` when one would take it."""
    misfits = []
    for node in nodes:
        if (why := misfit(pod, node, without_label=KATA_LABEL)) is None:
            return None
        misfits.append(why)
    return tuple(misfits)


def allowed_nowhere(
    pod: Pod, nodes: Iterable[Node], pods: Iterable[Pod], policy: JoinPolicy
) -> tuple[Blocker, ...]:
    """What speaks against each node that would take the pod; nothing when one may be touched."""
    pods = tuple(pods)
    blockers: list[Blocker] = []
    for node in nodes:
        if misfit(pod, node, without_label=KATA_LABEL) is None:
            if not (against := _against(node, pods, policy)):
                return ()
            blockers += against
    return tuple(blockers)


def not_a_worker(name: str, policy: JoinPolicy) -> tuple[Blocker, ...]:
    """Masters, storage nodes and compute xnames are never touched (domain.md 9.6)."""
    if re.search(policy.node_pattern, name):
        return ()
    return (Blocker("worker", f"{name} does not match nodes.name_pattern ({policy.node_pattern})"),)


def _against(node: Node, pods: Iterable[Pod], policy: JoinPolicy) -> tuple[Blocker, ...]:
    return (*not_a_worker(node.metadata.name, policy), *_not_now(node), *claims_on(node, pods))


def _not_now(node: Node) -> tuple[Blocker, ...]:
    name, label = node.metadata.name, node.metadata.label(KATA_LABEL)
    if not node.ready:
        return (Blocker("ready", f"{name} is not Ready"),)
    if label is not None:
        return (Blocker("label", f"{name} has {KATA_LABEL}={label}: somebody keeps Kata pods away from it"),)
    return ()

"""Pods that hang without a word: bound to a node, no sandbox, and no Event that says why.

Events are dropped by the kubelet's spam filter, expire after an hour, and a Kata start on a node without KVM says
nothing for up to 15 minutes (kata-failures.md 1.3 and 2). Such a pod names no cause. Its family is `ambiguous`: it
opens a look at the node's facts, never a repair by itself. What the facts then ask for gets its own family and
needs that family's rule, so a plan made of them is still within a ceiling that somebody wrote down; where they ask
for nothing, the look ends with the evidence (a volume that takes its time looks the same from here).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.core.classify import Classification, Subject
from bot.core.contradictions import contradiction
from bot.core.kata import JoinPolicy
from bot.core.model import Family
from bot.core.objects import Pod
from bot.core.pods import bound_at, has_sandbox, is_live
from bot.core.rules import RuleSet, Statement
from bot.core.world import World

REASON = "NoSandbox"
"""Of the statement that we make ourselves; no component of Kubernetes says it."""


def no_sandbox(pod: Pod, rules: RuleSet, now: datetime, after_s: float) -> Classification | None:
    """What to make of a pod that has waited for its sandbox for `after_s`; `None` while there is nothing to say.

    Works without the condition PodReadyToStartContainers (Kubernetes before 1.29).
    """
    since = bound_at(pod)
    if since is None or has_sandbox(pod) or not is_live(pod) or now - since < timedelta(seconds=after_s):
        return None
    waited_s = int((now - since).total_seconds())
    message = f"bound to {pod.spec.node_name} and without a sandbox for {waited_s} s"
    meta = pod.metadata
    return Classification(
        family=Family.AMBIGUOUS,
        rule=rules.of(Family.AMBIGUOUS),
        subject=Subject("Pod", meta.namespace, meta.name, meta.uid, pod=pod),
        statement=Statement("Pod", REASON, "", message),
        why=f"{message}; its status does not say why",
        at=now,
    )


def stuck_pods(
    world: World, rules: RuleSet, policy: JoinPolicy, now: datetime, after_s: float
) -> Iterator[Classification]:
    """Every Kata pod of an IMS job that hangs so; fit for `join` and an incident."""
    for pod in world.pods():
        seen = no_sandbox(pod, rules, now, after_s)
        if seen is not None and contradiction(seen, pod, world, policy) is None:
            yield seen

"""Which node gets the Kata label when no node has it (design.md 4.1, hop 4: choose-node).

The policy, in this order, and nothing that changes by itself decides (free space, load), so that two looks agree:

1. Only nodes on which the waiting pod would fit without that one label, and that nobody claims (`core/eligible`).
2. Only nodes whose facts could be read and for which there is a plan: every blocker of a repair applies.
3. The least disruptive plan, then the one with the fewest steps that change something.
4. The first name.

One node only: labelling more than is needed would spread what is not proven yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.core.eligible import eligible_nodes, labelled_nodes
from bot.core.errors import BotError
from bot.core.facts import NodeFacts
from bot.core.kata import JoinPolicy
from bot.core.model import Diagnosis, Disruption, Family, IncidentId, NodeRef, Plan, Target, TargetKind
from bot.core.objects import Node, Pod
from bot.steps.planner import Nothing, make_plan
from bot.steps.registry import decode
from bot.steps.situation import Situation

_ORDER = list(Disruption)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker, and its facts, or why they could not be read, or the incident that is open on it."""

    node: Node
    found: NodeFacts | BotError | IncidentId


@dataclass(frozen=True, slots=True)
class Choice:
    node: NodeRef
    why: str
    runners_up: tuple[str, ...]
    """One line per other worker: why it was not picked."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    node: Node
    plan: Plan

    @property
    def key(self) -> tuple[int, int, str]:
        return _ORDER.index(self.plan.disruption), len(self.changing), self.node.metadata.name

    @property
    def changing(self) -> list[str]:
        return [p.name for p in self.plan.steps if not decode(p).reads_only]

    @property
    def needs(self) -> str:
        return f"{self.node.metadata.name} needs {', '.join(self.changing)} ({self.plan.disruption})"


def worth_reading(s: Situation) -> tuple[Node, ...]:
    """The workers whose facts can matter: what the API tells of the others is enough."""
    pod = _waiting(s)
    if pod is None:
        return ()
    return eligible_nodes(pod, s.facts.cluster.workers, (), _policy(s)).nodes


def choose_node(candidates: Iterable[Candidate], s: Situation) -> Choice | Diagnosis:
    """`s.target` is the RuntimeClass that waits; the situation's node facts are not looked at."""
    pod = _waiting(s)
    if pod is None:
        return _none(s, "no pod waits for a labelled node any more")
    if labelled := labelled_nodes(s.facts.cluster.workers):
        names = ", ".join(node.metadata.name for node in labelled)
        return _none(s, f"{names} has the label, so the pod waits for something else")
    eligible = eligible_nodes(pod, s.facts.cluster.workers, (), _policy(s))
    against = [*eligible.misfits, *(blocker.why for blocker in eligible.blockers)]
    allowed = {node.metadata.uid for node in eligible.nodes}
    ranked = []
    for candidate in sorted(candidates, key=lambda c: c.node.metadata.name):
        if candidate.node.metadata.uid not in allowed:
            continue
        plan = _plan_for(candidate, s)
        if isinstance(plan, Plan):
            ranked.append(_Ranked(candidate.node, plan))
        else:
            against.append(plan)
    if not ranked:
        return _none(s, "no worker can take the label", against)
    best, *others = sorted(ranked, key=lambda r: r.key)
    return Choice(
        node=NodeRef(best.node.metadata.name, best.node.metadata.uid),
        why=f"{best.needs}, the smallest repair of {len(ranked)} eligible workers",
        runners_up=(*(other.needs for other in others), *against),
    )


def _plan_for(candidate: Candidate, s: Situation) -> Plan | str:
    """The candidate's plan, or in one line why there is none."""
    meta = candidate.node.metadata
    if isinstance(candidate.found, BotError):
        return f"{meta.name} could not be read: {candidate.found}"
    if isinstance(candidate.found, str):
        return f"{meta.name} has the open incident {candidate.found}"
    cluster = replace(s.facts.cluster, node=candidate.node)
    facts = replace(s.facts, node=candidate.found, cluster=cluster)
    target = Target(TargetKind.NODE, meta.name, meta.uid)
    match make_plan(replace(s, target=target, facts=facts)):
        case Plan() as plan:
            return plan
        case Diagnosis(why=why):
            return why
        case Nothing(evidence=evidence):
            return evidence


def _waiting(s: Situation) -> Pod | None:
    """A pod of the incident that has no node yet."""
    return next((pod for pod in s.facts.cluster.rescued if not pod.spec.node_name), None)


def _policy(s: Situation) -> JoinPolicy:
    return JoinPolicy.of(s.settings.kubernetes, s.settings.nodes, s.settings.kata)


def _none(s: Situation, why: str, against: Sequence[str] = ()) -> Diagnosis:
    return Diagnosis(
        s.families[0] if s.families else Family.UNSCHEDULABLE_LABEL,
        f"no node is labelled for {s.target.name}: {why}",
        guidance=(*against, "kubectl get nodes -l katacontainers.io/kata-runtime=true"),
    )

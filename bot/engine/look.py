"""One look at a target: facts from the API and the node, and what follows from them.

Read-only. The same look is taken before asking, after the answer, for `imsbot plan`, and for a target that is
quiet. It holds no Lease.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import structlog

from bot.core.action import ImsRecord, OutcomeKind
from bot.core.classify import classify
from bot.core.errors import BotError
from bot.core.facts import Facts, NodeFacts, node_script, parse_node
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.incident import Incident
from bot.core.mode import why_observed
from bot.core.model import (
    Consent,
    Diagnosis,
    Family,
    IncidentId,
    NodeRef,
    Plan,
    Sighting,
    Target,
    TargetKind,
    Verb,
)
from bot.core.names import canary_name
from bot.core.objects import Job, Node, Pod
from bot.core.rules import RuleSet
from bot.core.settings import Settings
from bot.core.world import Objects, World
from bot.engine.kept import NodeSeen
from bot.engine.ports import Clock, Cluster, Nodes, NodeShell
from bot.steps import decode
from bot.steps.choose import Candidate, Choice, choose_node, worth_reading
from bot.steps.planner import Nothing, make_plan
from bot.steps.situation import Situation
from bot.steps.verify_canary import VerifyCanary
from bot.views.log_line import describe_facts

log = structlog.get_logger(__name__)

Conclusion = Plan | Diagnosis | Nothing


@dataclass(frozen=True, slots=True)
class Subject:
    """What a look is about: the part of an incident that decides which facts are read and what may be planned."""

    incident: IncidentId
    target: Target
    sightings: tuple[Sighting, ...]
    began: datetime
    requested: bool = False
    """A person wants the target looked at, whatever the rules say about what was seen there."""

    @classmethod
    def of(cls, incident: Incident) -> "Subject":
        requested = incident.requested_by is not None
        return cls(incident.id, incident.target, incident.sightings, incident.opened_at, requested)

    @property
    def runtime_class(self) -> str | None:
        if self.target.kind is not TargetKind.NODE:
            return self.target.name
        return next((s.runtime_class for s in self.sightings if s.runtime_class), None)

    @property
    def pods(self) -> tuple[tuple[str, str], ...]:
        return tuple(dict.fromkeys((s.namespace, s.name) for s in self.sightings if s.kind == "Pod"))

    @property
    def jobs(self) -> tuple[tuple[str, str], ...]:
        return tuple(dict.fromkeys((s.namespace, s.job_name) for s in self.sightings if s.job_name))

    @property
    def records(self) -> tuple[ImsRecord, ...]:
        return tuple(dict.fromkeys(ImsRecord(s.job, s.job_name) for s in self.sightings if s.job and s.job_name))


class Looker:
    """Gathers facts and plans from them."""

    def __init__(
        self,
        *,
        settings: Settings,
        rules: RuleSet,
        cluster: Cluster,
        nodes: Nodes,
        clock: Clock,
        parse: Callable[[bytes], NodeFacts] = parse_node,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._cluster = cluster
        self._nodes = nodes
        self._clock = clock
        self._parse = parse

    async def facts(
        self, subject: Subject, shell: NodeShell | None, *, with_node: bool = True, began: datetime | None = None
    ) -> Facts:
        """One round: one exec on the node (when there is a shell) beside the API's reads."""
        reads = Reads(
            target=subject.target,
            runtime_class=subject.runtime_class or self._settings.kata.runtime_class,
            canary=(self._settings.canary.namespace, canary_name(subject.incident)),
            pods=subject.pods,
            jobs=subject.jobs,
        )
        cluster = asyncio.ensure_future(self._cluster.facts(reads))
        try:
            node = await self._read_node(shell) if shell and with_node else None
            return self.gathered(subject, node, await cluster, began)
        finally:
            cluster.cancel()
            await asyncio.gather(cluster, return_exceptions=True)

    def gathered(
        self, subject: Subject, node: NodeFacts | None, cluster: ClusterFacts, began: datetime | None = None
    ) -> Facts:
        """What was read, as one round of facts."""
        return Facts(
            now=self._clock.now(),
            began=began or subject.began,
            incident=subject.incident,
            node=node,
            cluster=cluster,
            outcomes={},
            classify=lambda event: classify(event, self._rules).family,
        )

    async def live_world(self, subject: Subject) -> World:
        """What the subject's jobs and node are now, read from the API alone. Raises as `look`."""
        cluster = (await self.facts(subject, None)).cluster
        world = Objects()
        for pod in cluster.rescued:
            world.put(pod)
        for job in cluster.rescued_jobs:
            world.put(job)
        if cluster.node is not None:
            world.put(cluster.node)
        world.mark_listed((Pod, Job, Node))
        return world

    async def look(self, subject: Subject, shell: NodeShell | None = None) -> Conclusion:
        """Raises UnreachableError, HostKeyError, UnknownFactError, ForbiddenError: nothing is decided then."""
        return (await self.look_with_node(subject, shell))[0]

    async def look_with_node(
        self, subject: Subject, shell: NodeShell | None
    ) -> tuple[Conclusion, NodeSeen | None]:
        """As `look`, and what was read of the node, if anything was."""
        hopeless = self._never_repaired(subject)
        if hopeless is not None and not subject.requested:
            return hopeless, None
        conclusion, seen = await self._look(subject, shell)
        return hopeless if hopeless is not None and isinstance(conclusion, Nothing) else conclusion, seen

    async def _look(self, subject: Subject, shell: NodeShell | None) -> tuple[Conclusion, NodeSeen | None]:
        if subject.target.kind is TargetKind.CHOOSE_NODE:
            choice = await self.choose(subject, {})
            if isinstance(choice, Diagnosis):
                return choice, None
            subject = replace(subject, target=Target(TargetKind.NODE, choice.node.name, choice.node.uid))
        node = subject.target.node
        if node is None or shell is not None:
            return await self._conclude(subject, await self.facts(subject, shell))
        async with self._nodes.shell(node) as opened:
            return await self._conclude(subject, await self.facts(subject, opened))

    async def node_facts(self, node: NodeRef) -> NodeFacts:
        """Only the node's own facts, over a connection of their own."""
        async with self._nodes.shell(node) as shell:
            found = await self._read_node(shell)
        log.info("facts", target=node.name, **describe_facts(found))
        return found

    async def choose(self, subject: Subject, taken: Mapping[str, IncidentId]) -> Choice | Diagnosis:
        """Read-only facts of the workers that can matter, and the policy's pick (design.md 4.1, hop 4).

        `taken`: node uid -> the incident that is open on it; such a node is not picked.
        """
        situation = self.situation(subject, await self.facts(subject, None))
        nodes = worth_reading(situation)
        read = await self._read_all([node for node in nodes if node.metadata.uid not in taken])
        busy = [Candidate(node, taken[node.metadata.uid]) for node in nodes if node.metadata.uid in taken]
        return choose_node([*(Candidate(node, found) for node, found in read), *busy], situation)

    def situation(self, subject: Subject, facts: Facts) -> Situation:
        """What a plan is made from."""
        families = tuple(dict.fromkeys(s.family for s in subject.sightings))
        return Situation(
            target=subject.target,
            families=families,
            ceiling=self._ceiling(families),
            incident=subject.incident,
            facts=facts,
            settings=self._settings,
            records=subject.records,
        )

    async def _conclude(self, subject: Subject, facts: Facts) -> tuple[Conclusion, NodeSeen | None]:
        if facts.node is None:
            return await self._plan(subject, facts), None
        seen = NodeSeen(facts.node, self._clock.monotonic())
        log.info("facts", target=subject.target.name, **describe_facts(facts.node))
        return await self._plan(subject, facts), seen

    async def _plan(self, subject: Subject, facts: Facts) -> Conclusion:
        situation = self.situation(subject, facts)
        families = situation.families
        conclusion = make_plan(situation)
        if isinstance(conclusion, Plan) and any(step.verb is Verb.INSTALL for step in conclusion.steps):
            peers = await self._peer_versions(subject.target, facts)
            conclusion = make_plan(replace(situation, peer_versions=peers))
        blocked = [s.blocked for s in subject.sightings if s.blocked]
        if blocked and len(blocked) == len(subject.sightings) and not isinstance(conclusion, Diagnosis):
            return Diagnosis(families[-1], f"{subject.target.name} is not repaired: {'; '.join(blocked)}")
        if isinstance(conclusion, Plan):
            notes = (*conclusion.notes, *await self._canary_objections(conclusion, facts))
            observed = why_observed(self._settings, self._rules, families, subject.target)
            return msgspec.structs.replace(
                conclusion, approval=self._approval(families), observed=observed, notes=notes
            )
        return conclusion

    async def _canary_objections(self, plan: Plan, facts: Facts) -> tuple[str, ...]:
        """What the API server would say to the canary (a server-side dry run): people know before they answer.

        Not asked while the RuntimeClass is missing: its admission would refuse any pod.
        """
        canaries = [step for step in map(decode, plan.steps) if isinstance(step, VerifyCanary)]
        if not canaries or facts.cluster.runtime_class is None or facts.cluster.canary is not None:
            return ()
        outcome = await self._cluster.apply(canaries[0].creation, dry_run=True)
        if outcome.kind is OutcomeKind.OK:
            return ()
        said = " ".join(outcome.output.split())
        return (f"the API server would not take the canary pod, so the proof would be inconclusive: {said}",)

    async def _peer_versions(self, target: Target, facts: Facts) -> dict[str, str]:
        """Kata's version on the other ready workers; those that cannot be read are left out."""
        peers = [w for w in facts.cluster.workers if w.ready and w.kata_labelled and w.metadata.uid != target.uid]
        found = await self._read_all(peers)
        return {
            node.metadata.name: read.kata_tree.version
            for node, read in found
            if isinstance(read, NodeFacts) and read.kata_tree.version
        }

    async def _read_all(self, nodes: Sequence[Node]) -> list[tuple[Node, NodeFacts | BotError]]:
        """Facts of many nodes at once, under the cap of `ssh.max_connects`; an unreadable one is its error."""
        limit = asyncio.Semaphore(self._settings.ssh.max_connects)

        async def read(node: Node) -> NodeFacts | BotError:
            async with limit:
                try:
                    return await self.node_facts(NodeRef(node.metadata.name, node.metadata.uid))
                except BotError as error:
                    return error

        return list(zip(nodes, await asyncio.gather(*map(read, nodes)), strict=True))

    def _never_repaired(self, subject: Subject) -> Diagnosis | None:
        """What the rules say about families that nobody should repair by machine."""
        rules = [self._rules.of(s.family) for s in subject.sightings]
        if not rules or any(rule is None or rule.repairs for rule in rules):
            return None
        last, rule = subject.sightings[-1], rules[-1]
        assert rule is not None
        return Diagnosis(rule.family, f"{rule.summary}: {last.message}", guidance=rule.guidance)

    def _ceiling(self, families: Sequence[Family]) -> frozenset[Verb]:
        """What the matched rules allow together; a repair that a person asked for may use what any rule allows."""
        matched = [r for r in self._rules.rules if r.family in families and r.repairs] or list(self._rules.rules)
        return frozenset(verb for rule in matched for verb in rule.steps)

    def _approval(self, families: Sequence[Family]) -> Consent:
        """Without a question only when every matched rule says so."""
        matched = [r for r in self._rules.rules if r.family in families and r.repairs]
        unasked = bool(matched) and all(r.approval is Consent.NONE for r in matched)
        return Consent.NONE if unasked else Consent.REQUIRED

    async def _read_node(self, shell: NodeShell) -> NodeFacts:
        return self._parse(await shell.read(node_script(self._settings)))

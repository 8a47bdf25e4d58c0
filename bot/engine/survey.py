"""One sweep's look at the expected nodes: the API once, each node's facts in one exec, and what they mean.

Read-only, and without a Lease or a journal; `imsbot sweep` and the service share it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import msgspec
import structlog

from bot.core.drift import DriftKind, Row, unlike_the_others
from bot.core.errors import BotError, InputError, UnreachableError
from bot.core.expected import Expected, expected_nodes
from bot.core.facts import NodeFacts
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.model import IncidentId, NodeRef, Target, TargetKind
from bot.core.objects import Node
from bot.core.settings import Settings
from bot.engine.lanes import Lanes
from bot.engine.look import Looker, Subject
from bot.engine.ports import Clock, Cluster
from bot.steps.situation import Situation
from bot.steps.survey import survey_class, survey_node

log = structlog.get_logger(__name__)

PATIENCE = 1 / 6
"""The part of the facts' time bound after which a node counts as slow."""

_NOBODY = IncidentId("sweep")

Read = Callable[[Row], None]
"""Told of each node as soon as it is read; its row may still change by the comparison."""

EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Scope:
    """What one sweep looks at."""

    at: datetime
    cluster: ClusterFacts
    expected: Expected


class Surveyor:
    """`looker` reads the nodes: one of its own for sweeps, so that no repair waits for a sweep's connections."""

    def __init__(self, settings: Settings, cluster: Cluster, looker: Looker, clock: Clock) -> None:
        self._settings = settings
        self._cluster = cluster
        self._looker = looker
        self._clock = clock

    async def scope(self, remembered: Collection[str], only: Sequence[str] = ()) -> Scope:
        """Raises BotError when the API cannot be read, InputError for a node of `only` that is not expected."""
        class_name = self._settings.kata.runtime_class
        reads = Reads(Target(TargetKind.RUNTIMECLASS, class_name), class_name)
        cluster = await self._cluster.facts(reads)
        expected = expected_nodes(cluster.workers, self._settings.nodes.expected, remembered)
        if unexpected := sorted(set(only) - set(expected.names)):
            raise InputError(
                f"{', '.join(unexpected)}: not expected to run Kata (no Kata label, not in nodes.expected, not in "
                f"an earlier sweep); expected are {', '.join(expected.names) or 'none'}"
            )
        if only:
            chosen = tuple(node for node in expected.nodes if node.metadata.name in only)
            expected = Expected(chosen, tuple(name for name in expected.gone if name in only))
        return Scope(self._clock.now(), cluster, expected)

    async def survey(self, scope: Scope, read: Read = lambda _: None) -> tuple[Row, ...]:
        """One row per expected node, and one for the RuntimeClass. Never raises for a single node."""
        found = await self._read_all(scope, read)
        versions = {row.target.name: row.version for row, _ in found if row.version}
        archive = self._settings.kata.archive
        unlike = unlike_the_others(versions, archive.version if archive else None)
        rows = []
        for row, facts in found:
            if facts is not None and any(drift.kind is DriftKind.FILE_BROKEN for drift in row.drifts):
                others = {name: version for name, version in versions.items() if name != row.target.name}
                row = survey_node(self._situation(scope, row.target, facts, others))
            if (drift := unlike.get(row.target.name)) is not None:
                row = msgspec.structs.replace(row, drifts=(*row.drifts, drift))
            rows.append(row)
        return (self._class_row(scope), *rows, *map(_gone, scope.expected.gone))

    async def _read_all(self, scope: Scope, read: Read) -> list[tuple[Row, NodeFacts | None]]:
        lanes = Lanes(self._settings.sweep.nodes_at_once, PATIENCE * self._settings.ssh.facts_timeout_s)

        async def one(node: Node) -> tuple[Row, NodeFacts | None]:
            found = await lanes.run(self._read(scope, node))
            read(found[0])
            return found

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(node)) for node in scope.expected.nodes]
        return [task.result() for task in tasks]

    async def _read(self, scope: Scope, node: Node) -> tuple[Row, NodeFacts | None]:
        """Its row, within the time bound of facts, connecting included; the facts if they may be needed again."""
        name, bound_s = node.metadata.name, self._settings.ssh.facts_timeout_s
        target = Target(TargetKind.NODE, name, node.metadata.uid)
        try:
            async with asyncio.timeout(bound_s):
                facts = await self._looker.node_facts(NodeRef(name, node.metadata.uid))
            row = survey_node(self._situation(scope, target, facts))
        except TimeoutError:
            error: BotError = UnreachableError(f"{name}: no facts within {bound_s:g} s")
        except BotError as caught:
            error = caught
        except Exception as defect:
            log.exception("facts of a node could not be understood", node=name)
            error = BotError(f"{name}: a defect of the bot ({type(defect).__name__}), told in its log")
        else:
            broken = any(drift.kind is DriftKind.FILE_BROKEN for drift in row.drifts)
            return row, facts if broken else None
        return Row(target, unreadable=str(error)), None

    def _class_row(self, scope: Scope) -> Row:
        target = Target(TargetKind.RUNTIMECLASS, self._settings.kata.runtime_class)
        return survey_class(self._situation(scope, target, None))

    def _situation(
        self, scope: Scope, target: Target, node: NodeFacts | None, versions: Mapping[str, str] = EMPTY
    ) -> Situation:
        """Without sightings, so that everything which any rule may do counts as a repair."""
        subject = Subject(_NOBODY, target, (), scope.at)
        here = (n for n in scope.cluster.workers if n.metadata.uid == target.uid)
        cluster = replace(scope.cluster, node=next(here, None))
        situation = self._looker.situation(subject, self._looker.gathered(subject, node, cluster))
        return replace(situation, peer_versions=versions)


def _gone(name: str) -> Row:
    why = f"there is no worker {name} in the cluster; `imsbot forget {name}` if it is gone for good"
    return Row(Target(TargetKind.NODE, name), unreadable=why)

"""What the API says about a target, read live and at once: the facts before every decision.

All reads of a round run side by side; the first that fails ends the round, because unknown is not absent. Only
the cluster's identity is remembered: it is the uid of the namespace kube-system, which lives as long as the
cluster.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.resources import EVENTS, JOBS, NAMESPACES, NODES, PODS, RUNTIME_CLASSES
from bot.core.errors import BotError
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.objects import Event, Job, Meta, Node, Pod

R = TypeVar("R")


class Reader:
    """Reads rounds of facts; `worker_names` says which Nodes are workers."""

    def __init__(self, api: ApiClient, worker_names: re.Pattern[str]) -> None:
        self._api = api
        self._worker_names = worker_names
        self._cluster_uid = ""

    async def facts(self, reads: Reads) -> ClusterFacts:
        """One round. The Node is read by its name: a rebuilt one shows by its uid. Raises BotError."""
        target = reads.target.node
        try:
            async with asyncio.TaskGroup() as group:
                start = group.create_task
                uid = start(self.cluster_uid())
                runtime_class = start(self._api.find(RUNTIME_CLASSES, reads.runtime_class))
                nodes = start(self._api.list_all(NODES))
                pods_on_node = start(self._pods_on(target.name if target else None))
                canary = start(self._canary(reads.canary))
                rescued = start(self._rescued(reads))
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed
        pods, jobs, events = rescued.result()
        canary_pod, canary_events = canary.result()
        return ClusterFacts(
            cluster_uid=uid.result(),
            node=_named(nodes.result(), target.name) if target else None,
            runtime_class=runtime_class.result(),
            workers=tuple(n for n in nodes.result() if self._worker_names.search(n.metadata.name)),
            pods_on_node=pods_on_node.result(),
            rescued=pods,
            rescued_jobs=jobs,
            canary=canary_pod,
            canary_events=canary_events,
            rescued_events=events,
        )

    async def cluster_uid(self) -> str:
        """The cluster's identity in a digest (design.md 4.3)."""
        if not self._cluster_uid:
            self._cluster_uid = (await self._api.get(NAMESPACES, "kube-system")).metadata.uid
        return self._cluster_uid

    async def _pods_on(self, node: str | None) -> tuple[Pod, ...]:
        if node is None:
            return ()
        return await self._api.list_all(PODS, field_selector=f"spec.nodeName={node}")

    async def _canary(self, name: tuple[str, str] | None) -> tuple[Pod | None, tuple[Event, ...]]:
        if name is None:
            return None, ()
        pod = await self._api.find(PODS, name[1], name[0])
        return pod, await self._events([pod.metadata] if pod else [])

    async def _rescued(self, reads: Reads) -> tuple[tuple[Pod, ...], tuple[Job, ...], tuple[Event, ...]]:
        pods = await _together(self._api.find(PODS, name, namespace) for namespace, name in reads.pods)
        jobs = await _together(self._api.find(JOBS, name, namespace) for namespace, name in reads.jobs)
        there = tuple(p for p in pods if p), tuple(j for j in jobs if j)
        events = await self._events([obj.metadata for kind in there for obj in kind])
        return (*there, events)

    async def _events(self, about: Iterable[Meta]) -> tuple[Event, ...]:
        """Warnings about exactly these objects; a namesake of before has another uid."""
        found = await _together(
            self._api.list_all(
                EVENTS, meta.namespace, field_selector=f"involvedObject.uid={meta.uid},type=Warning"
            )
            for meta in about
        )
        return tuple(event for events in found for event in events)


async def _together(reads: Iterable[Coroutine[Any, Any, R]]) -> tuple[R, ...]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read) for read in reads]
    return tuple(task.result() for task in tasks)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to report of several: the first one of ours, wherever it is nested; a bug of ours before all."""
    leaves = list(_leaves(failed))
    return next((e for e in leaves if not isinstance(e, BotError)), leaves[0])


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _named(nodes: Iterable[Node], name: str) -> Node | None:
    return next((node for node in nodes if node.metadata.name == name), None)

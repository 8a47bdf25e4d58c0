"""Everything around the bot as one object: start it, create jobs, look at the cluster and at Slack, run the bot.

All that it makes lies in one folder: the bot's files, each worker's disk and logs, the archives. The folder is the
caller's to keep or to remove.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tests.sandbox.api import (
    DAEMONSETS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    RUNTIMECLASSES,
    ApiServer,
    KubeObject,
    Registry,
)
from tests.sandbox.controllers import (
    IMS_NAMESPACE,
    Cluster,
    Timing,
    install_ims,
    kata_runtimeclass,
    master_node,
    sonar_jobs_watcher,
    worker_node,
)
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.mirror import Mirror
from tests.sandbox.nodes import HEALTHY, Nodes, NodeState
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.slack import SlackServer
from tests.sandbox.whole.access import BOT, LEASE_NAMESPACE
from tests.sandbox.whole.cards import CardView, answer
from tests.sandbox.whole.configuration import write_config
from tests.sandbox.whole.process import BotProcess

KATA_VERSION = "3.17.0"
_T = TypeVar("_T")
OnActive = Callable[[Service], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """How a simulated worker begins: its files, and what its Node object says."""

    state: NodeState = HEALTHY
    kata_label: bool = True


class Sandbox:
    """`async with Sandbox(folder, {"ncn-w001": Worker(BARE), ...}) as sandbox: await sandbox.bot.start()`.

    `changes` are laid over the bot's configuration, key by key within a section. With `watcher` every worker has
    CSM's sonar-jobs-watcher.
    """

    def __init__(
        self,
        folder: Path,
        workers: Mapping[str, Worker],
        *,
        timing: Timing | None = None,
        changes: Mapping[str, Any] | None = None,
        watcher: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.api = ApiServer(bookmark_interval_s=2.0)
        self.slack = SlackServer()
        self.mirror = Mirror(self.folder / "mirror")
        self.nodes = Nodes(self.folder / "nodes")
        self.bot: BotProcess
        self.restarts: Counter[str] = Counter()
        """How often containerd came up on each worker since its boot, whoever restarted it."""
        self._workers = dict(workers)
        self._timing = timing or Timing(sandbox_retry_s=1.0)
        self._changes = changes or {}
        self._watcher = watcher
        self._stack = AsyncExitStack()

    @property
    def registry(self) -> Registry:
        return self.api.registry

    async def __aenter__(self) -> Sandbox:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.slack)
            await stack.enter_async_context(self.mirror)
            await stack.enter_async_context(self.nodes)
            await self.api.start()
            stack.push_async_callback(self.api.stop)
            await self.nodes.add_all({name: worker.state for name, worker in self._workers.items()})
            self._count_restarts()
            self._fill_cluster()
            runtimes = {node.name: node for node in self.nodes}
            await stack.enter_async_context(Cluster(self.api, runtimes, timing=self._timing, patience_s=10.0))
            self.bot = BotProcess(await self._configure(), self.folder / "bot.log")
            stack.push_async_callback(self.bot.stop)
            await self._until_ready()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _fill_cluster(self) -> None:
        install_ims(self.registry)
        self.registry.create(NAMESPACES, {"metadata": {"name": LEASE_NAMESPACE}})
        self.registry.create(NODES, master_node())
        for name, worker in self._workers.items():
            self.registry.create(NODES, worker_node(name, kata_label=worker.kata_label))
        self.registry.create(RUNTIMECLASSES, kata_runtimeclass())
        if self._watcher:
            self.registry.create(NAMESPACES, {"metadata": {"name": "services"}})
            self.registry.create(DAEMONSETS, sonar_jobs_watcher(), "services")

    def _count_restarts(self) -> None:
        for node in self.nodes:

            def noticed(service: Service, name: str = node.name, before: OnActive = node.system.on_active) -> None:
                self.restarts[name] += service.name == "containerd.service"
                before(service)

            node.system.on_active = noticed

    async def _configure(self) -> Path:
        archive = await self.mirror.add(KATA_VERSION)
        return write_config(
            self.folder,
            kubeconfig=self.api.kubeconfig(self.folder / "kubeconfig", self.api.access.add(BOT)),
            client_key=self.nodes.client_key,
            known_hosts=self.nodes.known_hosts,
            user=self.nodes.user,
            addresses=self.nodes.addresses,
            archive=archive,
            archive_url=self.mirror.url(archive),
            slack_url=self.slack.base_url,
            tokens=(self.slack.app_token, self.slack.bot_token),
            changes=self._changes,
        )

    async def _until_ready(self) -> None:
        """Every kubelet has told the API what it thinks of its node."""

        def told() -> bool:
            nodes = self.registry.list(NODES)
            return all((node.get("status") or {}).get("conditions") for node in nodes)

        await self.until(told, 30)

    # Looking at the cluster

    async def until(self, found: Callable[[], _T | None], timeout_s: float) -> _T:
        """What `found` returns as soon as it is true; asked after every write to the cluster.

        Raises TimeoutError, or BotDied when the bot ends by itself meanwhile.
        """
        return await self.bot.outliving(self._until(found, timeout_s))

    async def _until(self, found: Callable[[], _T | None], timeout_s: float) -> _T:
        store = self.registry.store
        async with asyncio.timeout(timeout_s):
            while True:
                seen = store.revision
                if result := found():
                    return result
                await store.wait_newer(seen)

    # What people see and do in Slack; both raise BotDied when the bot ends by itself meanwhile

    async def see(self, look: Callable[[SlackServer], _T | None], timeout_s: float) -> _T:
        """See `SlackServer.wait_for`."""
        return await self.bot.outliving(self.slack.wait_for(look, timeout_s))

    async def answer(self, look: Callable[[], CardView | None], action: str) -> None:
        """See `cards.answer`."""
        await self.bot.outliving(answer(self.slack, look, action))

    # Jobs

    def create_job(self, job: KubeObject) -> str:
        """The Job's name."""
        created = self.registry.create(JOBS, job, IMS_NAMESPACE)
        return str(created["metadata"]["name"])

    def job(self, name: str) -> KubeObject:
        return self.registry.get(JOBS, name, IMS_NAMESPACE)

    def complete(self, name: str) -> bool:
        return holds(self.job(name), "Complete")

    def pod_of(self, job: str) -> KubeObject | None:
        """The newest pod of a Job."""
        owned = [
            pod
            for pod in self.registry.list(PODS, IMS_NAMESPACE)
            if any(owner["name"] == job for owner in pod["metadata"].get("ownerReferences", ()))
        ]
        return owned[-1] if owned else None


def pinned(job: KubeObject, node: str) -> KubeObject:
    """The same Job, sent to one worker: a real scheduler's choice depends on load that a sandbox does not have."""
    spec = job["spec"]["template"]["spec"]
    return {
        **job,
        "spec": {
            **job["spec"],
            "template": {
                **job["spec"]["template"],
                "spec": {**spec, "nodeSelector": {"kubernetes.io/hostname": node}},
            },
        },
    }

"""One story on a running lab: the real bot, the Slack stand-in and a mirror, around one test's nodes and jobs.

It is to the lab what `tests/sandbox/whole/sandbox` is to the sandbox, and made of the same parts; what differs is
that the cluster is a real one, outlives the story, and is looked at through its API.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from bot.adapters.kube.resources import EVENTS, JOBS, LEASES, NODES, PODS, RUNTIME_CLASSES
from tests.lab.admin import Admin, KubeObject, administrator, until
from tests.lab.cluster import Lab
from tests.lab.kata.jobs import JOB_IMAGE
from tests.lab.kata.mirror import KATA_VERSION, lab_mirror
from tests.lab.kata.release import lab_release
from tests.lab.kata.states import Machine
from tests.sandbox.controllers import IMS_NAMESPACE, KATA_LABEL, kata_runtimeclass
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.mirror import Archive
from tests.sandbox.nodes.state import CONFIG
from tests.sandbox.slack import SlackServer
from tests.sandbox.whole import BotProcess, CardView, answer, cards, find_card
from tests.sandbox.whole.access import LEASE_NAMESPACE
from tests.sandbox.whole.configuration import write_config
from tests.sandbox.whole.invariants import Remains, complaints
from tests.sandbox.whole.process import Record

_T = TypeVar("_T")

WAIVED = {
    "kvm": "a worker of the lab has no /dev/kvm",
    "vsock": "a worker of the lab has no /dev/vhost-vsock",
    "guest-kernel": "the lab's stand-in has no micro-VM, so its pods run on the host's kernel",
}
"""Check -> reason: exactly what the stand-in stands in for."""


class Story:
    """`async with Story(lab, folder) as story: await story.begin(); ...`.

    Between the two, a test puts the nodes into their states and says what else is different.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.slack = SlackServer(address=lab.gateway)
        self.contents = lab_release(lab.shim)
        self.mirror = lab_mirror(folder / "mirror", lab.shim, lab.gateway)
        self.archive: Archive | None = None
        """What the bot is told to install; by default the sound one."""
        self.sha256 = ""
        """Instead of the archive's own, when set."""
        self.admin: Admin
        self.bot: BotProcess
        """Once the story has begun; a test may run the bot in another way and never begin."""
        self._begun = False
        self.before: dict[str, bytes] = {}
        self.cordoned: set[str] = set()
        """Nodes that the test cordoned: they must stay so."""
        self.on_record: Callable[[Record], None] = lambda record: None
        """Called with each line of the bot's log as it comes."""
        self.on_mark: Callable[[str], None] = lambda mark: None
        """Called with what a person does or sees, for a recording."""
        self._restarts: dict[str, int] = {}
        self._changes: dict[str, Any] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Story:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.slack)
            await stack.enter_async_context(self.mirror)
            self.admin = await stack.enter_async_context(administrator(self.lab.admin_kubeconfig))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def change(self, **sections: Any) -> None:
        """Lay sections over the bot's configuration, key by key, before it begins."""
        self._changes.update(sections)

    async def begin(self) -> None:
        """Remember what the nodes have now, and start the bot."""
        self.before = self._configurations()
        self._restarts = {name: await _starts(worker) for name, worker in self.lab.workers.items()}
        archive = self.archive or await self.mirror.add(KATA_VERSION)
        url = self.mirror.url(archive)
        config = write_config(
            self.folder,
            kubeconfig=self.lab.bot_kubeconfig,
            client_key=self.lab.client_key,
            known_hosts=self.lab.known_hosts,
            user="root",
            addresses={},
            archive=replace(archive, sha256=self.sha256) if self.sha256 else archive,
            archive_url=url,
            slack_url=self.slack.base_url,
            tokens=(self.slack.app_token, self.slack.bot_token),
            changes=self._configuration(),
        )
        self._begun = True
        self.bot = BotProcess(config, self.folder / "bot.log")
        self.bot.on_record = self.on_record
        self._stack.push_async_callback(self.bot.stop)
        await self.bot.start()

    def _configuration(self) -> dict[str, Any]:
        changes: dict[str, Any] = {
            "canary": {"image": JOB_IMAGE, "image_pull_policy": "Never", "cpu": "10m", "memory": "32Mi"},
            "checks": {"waive": dict(WAIVED)},
        }
        for section, value in self._changes.items():
            changes[section] = {**changes.get(section, {}), **value} if isinstance(value, Mapping) else value
        return changes

    # What the API server holds of Kata

    async def label(self, *names: str, value: str | None = "true") -> None:
        for name in names:
            await self.admin.patch(NODES, name, {"metadata": {"labels": {KATA_LABEL: value}}})

    async def create_runtime_class(self) -> None:
        if await self.admin.find(RUNTIME_CLASSES, "kata-qemu") is None:
            await self.admin.create(RUNTIME_CLASSES, kata_runtimeclass())

    async def delete_runtime_class(self) -> None:
        await self.admin.delete(RUNTIME_CLASSES, "kata-qemu")

    # Jobs

    async def create_job(self, job: KubeObject) -> str:
        """The Job's name."""
        created = await self.admin.create(JOBS, job, IMS_NAMESPACE)
        name = str(created["metadata"]["name"])
        self.on_mark(f"{name} created")
        return name

    async def completed(self, name: str, timeout_s: float = 90) -> None:
        """Returns when the Job is Complete. Raises TimeoutError."""

        async def complete() -> bool:
            return holds(await self.admin.get(JOBS, name, IMS_NAMESPACE), "Complete")

        await until(complete, timeout_s)
        self.on_mark(f"{name} Complete")

    async def complete(self, name: str) -> bool:
        return holds(await self.admin.get(JOBS, name, IMS_NAMESPACE), "Complete")

    async def pods_of(self, job: str) -> list[KubeObject]:
        return [
            pod
            for pod in await self.admin.list(PODS, IMS_NAMESPACE)
            if any(owner["name"] == job for owner in pod["metadata"].get("ownerReferences", ()))
        ]

    async def pod_of(self, job: str, seen: Callable[[KubeObject], bool], timeout_s: float = 60) -> KubeObject:
        """The Job's pod as soon as `seen` is true of it. Raises TimeoutError."""

        async def look() -> KubeObject | None:
            return next((pod for pod in await self.pods_of(job) if seen(pod)), None)

        return await until(look, timeout_s)

    async def node_ready(self, name: str, timeout_s: float = 60) -> None:
        """Returns when the API server holds that node for Ready. Raises TimeoutError."""

        async def ready() -> bool:
            return holds(await self.admin.get(NODES, name), "Ready")

        await until(ready, timeout_s)

    async def sandbox_refused(self, job: str, timeout_s: float = 60) -> None:
        """Returns when a kubelet has said of a pod of that Job that its sandbox does not start."""

        async def said() -> bool:
            names = {pod["metadata"]["name"] for pod in await self.pods_of(job)}
            return any(
                event["reason"] == "FailedCreatePodSandBox" and event["involvedObject"]["name"] in names
                for event in await self.admin.list(EVENTS, IMS_NAMESPACE)
            )

        await until(said, timeout_s)

    # What people see and do

    async def asked(self, *about: str, timeout_s: float = 90) -> CardView:
        """The card about that, as soon as it has buttons."""
        return await self._outliving(
            self.slack.wait_for(
                lambda slack: (card := find_card(slack, *about)) and card.actions and card, timeout_s
            )
        )

    async def approve(self, *about: str, timeout_s: float = 90) -> CardView:
        """Answer that card like a person; what it showed."""
        card = await self.asked(*about, timeout_s=timeout_s)
        self.on_mark(f"approved: {card.headline}")
        await self._outliving(answer(self.slack, lambda: find_card(self.slack, *about), "imsbot-approve"))
        return card

    async def settled(self, *about: str, timeout_s: float = 240) -> CardView:
        """The card about that, when its incident has ended or is held."""
        card = await self._outliving(
            self.slack.wait_for(
                lambda slack: (card := find_card(slack, *about)) and card.settled and card, timeout_s
            )
        )
        self.on_mark(card.headline)
        return card

    async def _outliving(self, wanted: Coroutine[Any, Any, _T]) -> _T:
        """What `wanted` returns; sooner BotDied, where the bot is the story's own."""
        return await (self.bot.outliving(wanted) if self._begun else wanted)

    # Afterwards

    async def complaints(self) -> list[str]:
        """What does not hold now that all is over; the bot is stopped first, and must stop well."""
        code = await self.bot.stop()
        left = Remains(
            journal=self.folder / "state/journal.sqlite",
            cards=cards(self.slack),
            nodes=await self.admin.list(NODES),
            leases=await self.admin.list(LEASES, LEASE_NAMESPACE),
            ims_pods=await self.admin.list(PODS, IMS_NAMESPACE),
            before=self.before,
            now=self._configurations(),
            restarts={
                name: await _starts(worker) - self._restarts[name] for name, worker in self.lab.workers.items()
            },
            cordoned=frozenset(self.cordoned),
        )
        ended = [] if code == 0 else [f"the bot ended with {code}"]
        return [*ended, *complaints(left)]

    def _configurations(self) -> dict[str, bytes]:
        return {name: worker.host_path(CONFIG).read_bytes() for name, worker in self.lab.workers.items()}

    def unchanged(self, names: Iterable[str]) -> bool:
        """Whether containerd's configuration on those nodes is that of the beginning, byte for byte."""
        now = self._configurations()
        return all(now[name] == self.before[name] for name in names)


async def _starts(worker: Machine) -> int:
    """How often containerd came up since the worker's boot: systemd says so in its journal."""
    return int(await worker.run("journalctl -b -u containerd -o cat | grep -c '^Started containerd' || true"))

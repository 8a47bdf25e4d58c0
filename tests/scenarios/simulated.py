"""One worker and its cluster in memory: enough of both that a plan's acts change what the next facts say.

It knows commands by their keys, as the journal names them; what the commands do on a real node is shown elsewhere
(`tests/unit/steps`, `tests/sandbox`). A unit runs once for ever, whatever the engine asks.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec

from bot.core.action import (
    CloseRecords,
    ClusterChange,
    Command,
    CreateCanary,
    CreateRuntimeClass,
    DeleteCanary,
    Outcome,
    OutcomeKind,
    RestartDaemonSet,
    SetCordon,
    SetLabel,
)
from bot.core.errors import ForbiddenError, LeaseLostError, PermanentError, UnknownFactError, UnreachableError
from bot.core.facts import NodeFacts
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.facts.ours import Ours, Rollback
from bot.core.facts.sockets import Sockets
from bot.core.marks import CORDON, HOLD, LABEL
from bot.core.model import NodeRef, Target
from bot.core.objects import (
    KATA_LABEL,
    Condition,
    Container,
    ContainerState,
    ContainerStatus,
    Event,
    Job,
    JobStatus,
    Meta,
    Node,
    Pod,
    PodSpec,
    PodStatus,
    TerminatedState,
)
from bot.core.world import Missing
from bot.steps.edit import Edit
from tests.scenarios.virtual_time import VirtualClock
from tests.unit.steps import samples

OK = Outcome(OutcomeKind.OK, 0)


@dataclass
class SimulatedNode:
    """The files that matter, what containerd has loaded, and the marks on its Node object."""

    name: str = samples.NODE
    uid: str = samples.UID
    content: str = samples.CONFIG
    loaded: str = samples.CONFIG
    rollback: Rollback | None = None
    cordoned: bool = False
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: {KATA_LABEL: "true"})
    epoch: int = 0
    units: dict[str, Outcome] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    """Every command that really ran, by unit name."""
    broken: dict[str, Outcome] = field(default_factory=dict)
    """Command key -> how it ends instead."""
    slow: dict[str, float] = field(default_factory=dict)
    """Command key -> seconds until it ends and has its effect."""
    running: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    """Names that were never handed over, and never will be."""
    gone: bool = False
    """Its Node object was deleted."""
    unreadable: bool = False
    puzzling: bool = False
    """Its facts meet a defect of the bot."""
    epoch_damaged: bool = False
    deaf_reads: int = 0
    """At how many of the next looks containerd's CRI does not answer."""
    noise: int = 0
    watcher: int = 0
    """Which pod of a DaemonSet that mounts containerd's socket is on the node; 0: there is none."""
    deaf_watcher: bool = False
    """That pod holds the socket of before."""

    def facts(self) -> NodeFacts:
        self.noise += 1
        node = samples.configured(samples.node_facts(), self.content)
        live = frozenset({"runc", "kata", "kata-qemu"} if "kata-qemu" in self.loaded else {"runc"})
        deaf = self.deaf_reads > 0
        self.deaf_reads -= deaf
        return replace(
            node,
            host=replace(node.host, hostname=self.name, boot_id=f"boot-{self.noise}"),
            runtime=replace(node.runtime, handlers=live, ready=not deaf),
            ours=Ours((self.rollback,) if self.rollback else (), ()),
            sockets=Sockets(frozenset({f"p-sonar-{self.watcher}"} if self.deaf_watcher else ())),
            unit=replace(node.unit, age_s=100.0 + self.noise),
        )

    def api(self) -> Node:
        return samples.api_node(
            self.name,
            self.uid,
            cordoned=self.cordoned,
            annotations=dict(self.annotations),
            labels=dict(self.labels),
        )

    def run(self, unit: str, command: Command) -> None:
        if unit in self.units or unit in self.running or unit in self.closed:
            return
        self.ran.append(unit)
        if command.key in self.slow:
            self.running.add(unit)
            asyncio.get_running_loop().call_later(self.slow[command.key], self._end, unit, command)
        else:
            self._end(unit, command)

    def _end(self, unit: str, command: Command) -> None:
        self.running.discard(unit)
        try:
            self.units[unit] = self.broken.get(command.key) or self._effect(unit.split("-")[1], command)
        except ValueError as error:
            self.units[unit] = Outcome(OutcomeKind.FAILED, 1, f"refused: {error}")

    def _effect(self, incident: str, command: Command) -> Outcome:
        match command.key:
            case "validate":
                edit = msgspec.json.decode(_edit_of(command), type=Edit)
                after = edit.apply(self.content.encode())
                change = Edit.between(self.content.encode(), after)
                return replace_output(f"dump-edit={msgspec.json.encode(change).decode()}")
            case "replace":
                edit = msgspec.json.decode(_edit_of(command), type=Edit)
                self.content = edit.apply(self.content.encode()).decode()
            case "restore":
                self.content = samples.CONFIG
            case "arm":
                self.rollback = Rollback(incident, fired=False, armed=True)
            case "restart":
                self.loaded = self.content
                self.deaf_watcher = self.watcher > 0
            case "disarm":
                self.rollback = None
            case "sandbox":
                pass
            case _:
                raise AssertionError(f"the simulated node does not know the command {command.key}")
        return OK


def _edit_of(command: Command) -> str:
    return next(arg for arg in command.argv if arg.startswith("{"))


def replace_output(text: str) -> Outcome:
    return Outcome(OutcomeKind.OK, 0, text)


def job(*conditions: str, name: str = "cray-ims-1-create") -> Job:
    ends = tuple(Condition(type=kind, status="True") for kind in conditions)
    return Job(metadata=Meta(name=name, namespace="ims", uid=f"j-{name}"), status=JobStatus(conditions=ends))


@dataclass
class SimulatedCluster:
    """The API: one node under repair, three healthy peers, one hanging pod."""

    clock: VirtualClock
    nodes: Sequence[SimulatedNode]
    canary: Pod | None = None
    canary_verdict: str = "works"
    kubelet_says: str = 'no runtime for "kata-qemu" is configured'
    """Of a sandbox that is refused."""
    pod_name: str = "cray-ims-1-create-abcde"
    cordons: int = 0
    """The most nodes that were cordoned at once."""
    applied: list[ClusterChange | CloseRecords] = field(default_factory=list)
    labelled: bool = True
    """Whether the healthy peers have the Kata label, and the hanging pod a node."""
    class_there: bool = True
    """The RuntimeClass kata-qemu."""
    pod_there: bool = True
    pod_started: bool = False
    """Whatever its node is like."""
    jobs: list[Job] = field(default_factory=lambda: [job()])
    blind: bool = False
    """The watch has not listed anything yet."""
    cache_says_gone: bool = False
    """The watch's cache is behind: what it does not show is there."""
    slow_s: float = 0.0
    down: bool = False
    forbids: bool = False
    """As an API server does that has just been started."""
    reads: int = 0
    records: dict[str, str] = field(default_factory=lambda: {"1": "creating"})
    """IMS job id -> status of its record."""
    close_fails: Outcome | None = None
    forbids_rollout: bool = False
    fails_again: bool = False
    """The hanging pod meets the failure once more, however its node was repaired."""
    defects: int = 0
    """How many of the next reads meet one."""
    lose_answers: int = 0
    """How many of the next changes are made without the bot hearing of it."""

    async def facts(self, reads: Reads) -> ClusterFacts:
        self.reads += 1
        if self.defects:
            self.defects -= 1
            raise RuntimeError("a defect of the bot")
        if self.down:
            raise UnreachableError("the API server does not answer")
        if self.forbids:
            raise ForbiddenError("User cannot list resource nodes")
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        node = self._find(reads.target.uid)
        names = {n.name for n in self.nodes}
        labels = {"labels": {KATA_LABEL: "true"} if self.labelled else {}}
        peers = [
            samples.api_node(f"ncn-w00{i}", f"7e57-000{i}", **labels)
            for i in range(1, 6)
            if f"ncn-w00{i}" not in names
        ]
        return replace(
            samples.cluster(),
            node=node.api() if node else None,
            runtime_class=samples.kata_class() if self.class_there else None,
            workers=(*(n.api() for n in self.nodes), *peers),
            pods_on_node=(samples.daemon("sonar", node.watcher),) if node and node.watcher else (),
            rescued=tuple(p for p in self.pods(node) if ("ims", p.metadata.name) in reads.pods),
            rescued_jobs=tuple(j for j in self.jobs if ("ims", j.metadata.name) in reads.jobs),
            canary=self._canary_now(),
            canary_events=self._canary_events(),
            rescued_events=self._failure() if self.fails_again else (),
        )

    def _find(self, uid: str) -> SimulatedNode | None:
        return next((n for n in self.nodes if n.uid == uid and not n.gone), None)

    def pods(self, node: SimulatedNode | None) -> tuple[Pod, ...]:
        return (self._pod(node),) if self.pod_there else ()

    def _pod(self, node: SimulatedNode | None) -> Pod:
        served = self.pod_started or (node is not None and "kata-qemu" in node.loaded)
        pod = samples.pod(self.pod_name, phase="Running" if served else "Pending")
        if self.labelled or served:
            return pod
        return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, node_name=None))

    def _canary_now(self) -> Pod | None:
        if self.canary is None or self.canary_verdict == "hangs":
            return self.canary
        if self.canary_verdict == "same failure":
            return self.canary
        ended = ContainerState(terminated=TerminatedState(exit_code=0, message="6.1.62-guest"))
        status = PodStatus(phase="Succeeded", container_statuses=(ContainerStatus(name="canary", state=ended),))
        return Pod(metadata=self.canary.metadata, spec=self.canary.spec, status=status)

    def _canary_events(self) -> tuple[Event, ...]:
        if self.canary is None or self.canary_verdict != "same failure":
            return ()
        return self._failure()

    def _failure(self) -> tuple[Event, ...]:
        return (samples.event(self.kubelet_says, self.clock.elsewhere()),)

    async def apply(self, change: ClusterChange, *, dry_run: bool = False) -> Outcome:
        if self.down:
            return Outcome(OutcomeKind.UNKNOWN, output="the API server does not answer")
        if dry_run:
            return OK
        self.applied.append(change)
        outcome = self._apply(change)
        if self.lose_answers:
            self.lose_answers -= 1
            return Outcome(OutcomeKind.UNKNOWN, output="the answer was lost")
        return outcome

    async def close(self, change: CloseRecords) -> Outcome:
        """IMS."""
        self.applied.append(change)
        if self.close_fails:
            return self.close_fails
        for record in change.records:
            self.records[record.id] = "error"
        return Outcome(OutcomeKind.OK, output="\n".join(f"{record.id}: is error now" for record in change.records))

    def _apply(self, change: ClusterChange) -> Outcome:
        match change:
            case SetCordon(node_uid=uid, incident=incident, cordoned=cordoned):
                node = self._find(uid)
                return self._mark(node, incident, cordoned) if node else Outcome(OutcomeKind.REFUSED)
            case SetLabel(node_uid=uid, incident=incident, labelled=labelled):
                node = self._find(uid)
                return self._label(node, incident, labelled) if node else Outcome(OutcomeKind.REFUSED)
            case CreateCanary(name=name, namespace=namespace, node=node):
                self.canary = Pod(
                    metadata=Meta(name=name, namespace=namespace, uid="canary-1"),
                    spec=PodSpec(node_name=node, containers=(Container(name="canary"),)),
                    status=PodStatus(phase="Pending"),
                )
            case DeleteCanary():
                self.canary = None
            case RestartDaemonSet():
                if self.forbids_rollout:
                    return Outcome(OutcomeKind.FAILED, output="daemonsets is forbidden")
                for rolled in self.nodes:
                    rolled.watcher += rolled.watcher > 0
                    rolled.deaf_watcher = False
            case CreateRuntimeClass():
                raise AssertionError("nobody asked for a RuntimeClass")
        return OK

    def _label(self, node: SimulatedNode, incident: str, labelled: bool) -> Outcome:
        if labelled:
            node.labels[KATA_LABEL] = "true"
            node.annotations[LABEL] = f"{incident}="
        elif node.annotations.get(LABEL) == f"{incident}=":
            del node.labels[KATA_LABEL], node.annotations[LABEL]
        return OK

    def _mark(self, node: SimulatedNode, incident: str, cordoned: bool) -> Outcome:
        mine = node.annotations.get(CORDON) == incident
        if HOLD in node.annotations or (node.cordoned and not mine):
            return Outcome(OutcomeKind.REFUSED, output="somebody else's")
        node.cordoned = cordoned
        self.cordons = max(self.cordons, sum(n.cordoned for n in self.nodes))
        if cordoned:
            node.annotations[CORDON] = incident
        else:
            node.annotations.pop(CORDON, None)
        return OK


class SimulatedShell:
    def __init__(self, node: SimulatedNode, net: "Network") -> None:
        self._node = node
        self._net = net

    async def read(self, script: str) -> bytes:
        """The name of the node: the harness parses it into that node's facts."""
        self._net.check()
        if self._net.slow_s:
            await asyncio.sleep(self._net.slow_s)
        if self._node.name in self._net.hangs:
            await asyncio.Event().wait()
        if self._node.unreadable:
            raise UnknownFactError(f"{self._node.name}: reading its facts ended by its own time bound on the node")
        return self._node.name.encode()

    async def mint_epoch(self, at_least: int, holder: str) -> int:
        self._net.check()
        if self._node.epoch_damaged:
            raise PermanentError(f"{self._node.name}: /var/lib/imsbot/epoch: damaged")
        self._node.epoch = max(self._node.epoch, at_least) + 1
        return self._node.epoch

    async def start(self, unit: str, command: Command, epoch: int) -> None:
        self._net.check()
        if epoch < self._node.epoch:
            self._node.units[unit] = Outcome(OutcomeKind.REFUSED, output=f"epoch {epoch} < {self._node.epoch}")
        self._node.run(unit, command)
        if self._net.answer_s:
            await asyncio.sleep(self._net.answer_s)

    async def collect(self, unit: str, timeout_s: float) -> Outcome | None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            self._net.check()
            if unit not in self._node.running:
                break
            if asyncio.get_running_loop().time() >= deadline:
                raise UnreachableError(f"{unit} still runs")
            await asyncio.sleep(1)
        if unit not in self._node.units:
            self._node.closed.add(unit)
        return self._node.units.get(unit)

    async def running_units(self) -> Sequence[str]:
        self._net.check()
        return sorted(self._node.running)


@dataclass
class Network:
    """Whether nodes can be reached, and how long they take."""

    down: bool = False
    slow_s: float = 0.0
    """For the facts."""
    hangs: set[str] = field(default_factory=set)
    """Nodes that take a connection and never answer."""
    answer_s: float = 0.0
    """Between a command's begin and the news of it."""

    def check(self) -> None:
        if self.down:
            raise UnreachableError("the cable is cut")


class SimulatedNodes:
    def __init__(self, nodes: Sequence[SimulatedNode], net: Network) -> None:
        self._nodes = {node.uid: node for node in nodes}
        self._net = net

    @asynccontextmanager
    async def shell(self, node: NodeRef) -> AsyncIterator[SimulatedShell]:
        if node.uid not in self._nodes:
            raise UnreachableError(f"{node.name} is not simulated")
        yield SimulatedShell(self._nodes[node.uid], self._net)


@dataclass
class SimulatedLease:
    transitions: int = 1
    alive: bool = True
    busy: bool = False

    def fresh(self) -> bool:
        return self.alive

    def keep(self, busy: bool) -> None:
        self.busy = busy


@dataclass
class SimulatedLeases:
    """`held_by_other` refuses entry; `lease.alive` is taken away by tests."""

    nodes: Sequence[SimulatedNode] = ()
    held_by_other: bool = False
    unreachable: bool = False
    lease: SimulatedLease = field(default_factory=SimulatedLease)
    holders: int = 0
    most: int = 0
    released_early: list[str] = field(default_factory=list)
    """Units that ran while their Lease was given back."""

    foreign: set[str] = field(default_factory=set)
    """Fingerprints of targets whose Lease another bot holds."""

    @asynccontextmanager
    async def hold(self, target: Target) -> AsyncIterator[SimulatedLease]:
        if self.unreachable:
            raise UnreachableError("the API server does not answer")
        if self.held_by_other or target.fingerprint in self.foreign:
            raise LeaseLostError("held by another bot", retry_after_s=30)
        self.holders += 1
        self.most = max(self.most, self.holders)
        lease = self.lease = SimulatedLease(self.lease.transitions + 1)
        try:
            yield lease
        finally:
            self.holders -= 1
            if not lease.busy:
                node = next((n for n in self.nodes if n.uid == target.uid), None)
                self.released_early += node.running if node else ()


class QuietWorld:
    """A watch that says nothing: waits end by their time. Its cache shows the cluster as it is, unless told."""

    def __init__(self, clock: VirtualClock, cluster: SimulatedCluster, workers: int = 5) -> None:
        self._clock = clock
        self._cluster = cluster
        self._workers = workers

    def workers(self) -> Sequence[Node]:
        return [samples.api_node(f"ncn-w00{i}", f"7e57-000{i}") for i in range(1, self._workers + 1)]

    def pod(self, namespace: str, name: str) -> Pod | Missing:
        there = () if self._cluster.cache_says_gone else self._cluster.pods(self._cluster.nodes[0])
        found = next((p for p in there if p.metadata.name == name), None)
        return Missing.UNKNOWN if self._cluster.blind else found or Missing.ABSENT

    def job(self, namespace: str, name: str) -> Job | Missing:
        there = () if self._cluster.cache_says_gone else self._cluster.jobs
        found = next((j for j in there if j.metadata.name == name), None)
        return Missing.UNKNOWN if self._cluster.blind else found or Missing.ABSENT

    def node(self, name: str) -> Node | Missing:
        found = next((n for n in self._cluster.nodes if n.name == name and not n.gone), None)
        return Missing.UNKNOWN if self._cluster.blind else found.api() if found else Missing.ABSENT

    async def changed(self, timeout_s: float) -> None:
        await self._clock.sleep(timeout_s)

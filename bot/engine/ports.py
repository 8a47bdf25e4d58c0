"""What the engine asks of the world, as Protocols. `bot/app` plugs the adapters in; scenarios plug in-memory ones.

Every method has a deadline of its own inside the adapter and raises errors of `bot.core.errors` only.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from bot.core import world
from bot.core.action import CloseRecords, ClusterChange, Command, Outcome
from bot.core.entries import Entry, History
from bot.core.facts.cluster import ClusterFacts, Reads
from bot.core.incident import Incident
from bot.core.model import CardRef, IncidentId, NodeRef, Target
from bot.core.objects import Node, Observed
from bot.core.pause import PauseRecord
from bot.core.sweep import Bulletin, SweepRecord


class Clock(Protocol):
    """Time, so that scenarios can make it virtual."""

    def now(self) -> datetime:
        """Wall time, UTC: only for what is journaled (design.md invariant 1)."""

    def monotonic(self) -> float:
        """Seconds, for everything else."""

    async def sleep(self, seconds: float) -> None: ...


class Journal(Protocol):
    """Durable history. `append` returns after the entry is on disk (design.md invariant 3)."""

    @property
    def id(self) -> str:
        """Identity of this journal: the holder's name in our Leases."""

    async def append(self, incident: IncidentId, entry: Entry) -> None:
        """Raises JournalError; then the act that the entry announces must not happen."""

    async def read(self) -> Mapping[IncidentId, History]:
        """All entries in order. Raises JournalError for a damaged file."""

    async def note_sweep(self, record: SweepRecord) -> None:
        """As `append`, for what belongs to no incident."""

    async def sweeps(self) -> Sequence[SweepRecord]:
        """All of their records in order. Raises JournalError, also for one that this program does not know."""


class Pauses(Protocol):
    """The brake's part of the journal."""

    async def pauses(self) -> Sequence[PauseRecord]:
        """All records in order. Raises JournalError, also for one that this program does not know."""

    async def note_pause(self, record: PauseRecord) -> None:
        """Returns when it is on disk. Raises JournalError."""


class PauseKey(Protocol):
    """The key by which the cluster pauses the bot."""

    @property
    def name(self) -> str:
        """Of the ConfigMap, with its namespace, for people."""

    async def read(self) -> str | None:
        """Its value now, read live; `None` when there is none.

        Raises BotError when that cannot be known.
        """


class Cluster(Protocol):
    """Reading and changing through the Kubernetes API."""

    async def facts(self, reads: Reads) -> ClusterFacts:
        """Live reads, never the watch's cache."""

    async def apply(self, change: ClusterChange, *, dry_run: bool = False) -> Outcome:
        """Idempotent; one PATCH with the resourceVersion for cordon and label (invariant 7).

        REFUSED when a person or another owner took over; FAILED with the server's words when it rejects;
        UNKNOWN when it cannot be said whether the change arrived.
        """


class Records(Protocol):
    """The job records of IMS."""

    async def close(self, change: CloseRecords) -> Outcome:
        """Idempotent; outcomes as those of `Cluster.apply`. A good one's output has a line `ID: …` per record."""


class Lease(Protocol):
    """A held Lease on one target."""

    @property
    def transitions(self) -> int: ...

    def fresh(self) -> bool:
        """Held, and renewed less than a third of its duration ago by the monotonic clock."""

    def keep(self, busy: bool) -> None:
        """While `busy`, a command may be running on the node: the end does not release the Lease (invariant 5)."""


class Leases(Protocol):
    def hold(self, target: Target) -> AbstractAsyncContextManager[Lease]:
        """Acquire, renew in the background, release at the end.

        Raises LeaseLostError when another holder lives, naming it and when it would expire.
        """


class NodeShell(Protocol):
    """One verified SSH connection to one node."""

    async def read(self, script: str) -> bytes:
        """Run a read-only script by `sh` without standard input, one exec; its stdout.

        Raises UnreachableError, HostKeyError; UnknownFactError when it fails, takes too long or says too much.
        """

    async def mint_epoch(self, at_least: int, holder: str) -> int:
        """One flock'd exec: writes max(node's epoch, at_least) + 1 with the holder's id, and returns it.

        Raises PermanentError when the node's epoch is damaged or cannot be written: nothing may run there then.
        """

    async def start(self, unit: str, command: Command, epoch: int) -> None:
        """Hand the unit over to the node, once and for all time: a second start of the same name does nothing.

        What the epoch or systemd refuses is the unit's outcome, for `collect`. Raises TemporaryError when it is
        not known whether the node took it over, and PermanentError when it could not (a full disk): nothing ran.
        """

    async def collect(self, unit: str, timeout_s: float) -> Outcome | None:
        """Wait for the unit's end; `None` when the node never took it over, and then never will.

        Reconnects after a lost connection; raises UnreachableError after `timeout_s`, also when it still runs.
        """

    async def running_units(self) -> Sequence[str]:
        """Our units (`imsbot-*`) that have not ended, of any incident or holder."""


class Nodes(Protocol):
    def shell(self, node: NodeRef) -> AbstractAsyncContextManager[NodeShell]:
        """Entering does not connect: the first question does."""


class Cards(Protocol):
    """Where people are asked and told. A card is a view: it may be lost and rebuilt (design.md 8)."""

    def show(self, incident: Incident) -> None:
        """Bring the card up to date in the background: the latest state wins. Returns at once."""

    async def deliver(self, incident: Incident) -> CardRef | None:
        """Post the card or edit it, and return when the service has confirmed it; `None` when there is no service.

        Raises UnreachableError.
        """

    def show_digest(self, bulletin: Bulletin) -> None:
        """Bring the digest card of the last sweep up to date in the background; `show` keeps its rows true."""


class World(world.World, Protocol):
    """The watch's cache, as far as the engine reads it."""

    def workers(self) -> Sequence[Node]: ...

    async def changed(self, timeout_s: float) -> None:
        """Returns when anything changed, at the latest after `timeout_s`."""


Sink = Callable[[Observed], None]

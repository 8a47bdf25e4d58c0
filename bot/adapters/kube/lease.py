"""Who may touch a target: one `coordination.k8s.io` Lease for each, of our own making.

The package's own leader election never writes `leaseTransitions`, stamps local time, judges expiry by the wall
clock and cannot release (library-facts.md). Every acquisition here raises `leaseTransitions`, also that of a bot
that finds its own name after a crash: the node's epoch is minted from it (design.md 6).

Losing a Lease stops nothing by itself: `fresh` turns false, and whoever is about to act asks for it first
(invariant 2).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Protocol

import structlog

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.lease_store import LeaseStore, lease_name, micro_time
from bot.adapters.kube.sightings import Sightings
from bot.core.errors import BotError, ConflictError, LeaseLostError, NotFoundError
from bot.core.model import Target
from bot.core.objects import Lease, RawObject
from bot.core.settings import LeaseTimes

log = structlog.get_logger(__name__)

ACQUIRE_TRIES: Final = 5


class Clock(Protocol):
    """The engine's `Clock` port, as far as it is needed here."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class HeldLease:
    """A Lease that is ours; made by `KubeLeases.hold`. The engine's `Lease` port."""

    def __init__(
        self, lease: Lease, store: LeaseStore, times: LeaseTimes, clock: Clock, renewed_at: float
    ) -> None:
        self.transitions = lease.spec.lease_transitions or 0
        self._name = lease.metadata.name
        self._holder = lease.spec.holder_identity
        self._version = lease.metadata.resource_version
        self._store = store
        self._times = times
        self._clock = clock
        self._renewed_at = renewed_at
        self._lost = False
        self._busy = False

    def fresh(self) -> bool:
        """Held, and renewed less than a third of its duration ago by the monotonic clock."""
        return not self._lost and self._age_s() < self._times.duration_s / 3

    def keep(self, busy: bool) -> None:
        """While `busy`, a command may be running on the node: the end does not release the Lease."""
        self._busy = busy

    async def stay(self) -> None:
        """Renew until cancelled, or until the Lease is lost."""
        pause_s = self._times.renew_s
        while not self._lost:
            await self._clock.sleep(pause_s)
            try:
                await self._renew()
                pause_s = self._times.renew_s
            except LeaseLostError as error:
                self._lose(str(error))
            except BotError as error:
                pause_s = self._times.renew_s / 5
                log.warning("lease not renewed", lease=self._name, error=str(error))
                if self._age_s() >= self._times.duration_s:
                    self._lose(f"not renewed for {self._times.duration_s} s: {error}")

    async def release(self) -> None:
        """Give it back, unless it is not ours any more or a command may still run.

        The renewal has been cut short then, and nobody knows whether its last request arrived.
        """
        if self._lost or self._busy:
            log.info("lease kept", lease=self._name, lost=self._lost, busy=self._busy)
            return
        try:
            await self._change({"holderIdentity": None})
        except BotError as error:
            log.warning("lease not released", lease=self._name, error=str(error))

    async def _renew(self) -> None:
        """The stamp is taken before the request: what the server wrote down is never older."""
        sent_at = self._clock.monotonic()
        await self._change({"renewTime": micro_time(self._clock.now())})
        self._renewed_at = sent_at

    async def _change(self, spec: RawObject) -> None:
        """Also when it was touched since we saw it, as long as it is ours. Raises LeaseLostError."""
        try:
            try:
                changed = await self._store.patch(self._name, self._version, spec)
            except ConflictError:
                version = await self._version_if_ours()
                changed = await self._store.patch(self._name, version, spec)
        except NotFoundError as error:
            raise LeaseLostError("somebody deleted it") from error
        self._version = changed.metadata.resource_version

    async def _version_if_ours(self) -> str:
        """Others may touch the object as long as holder and transitions are ours. Raises LeaseLostError."""
        found = await self._store.find(self._name)
        if found is None:
            raise LeaseLostError("somebody deleted it")
        holder, transitions = found.spec.holder_identity, found.spec.lease_transitions
        if (holder, transitions) != (self._holder, self.transitions):
            raise LeaseLostError(f"{holder or 'nobody'} holds it now (transitions {transitions})")
        return found.metadata.resource_version

    def _age_s(self) -> float:
        return self._clock.monotonic() - self._renewed_at

    def _lose(self, why: str) -> None:
        self._lost = True
        log.error("lease lost", lease=self._name, why=why)


class KubeLeases:
    """The engine's `Leases` port. `holder` is the journal's id: what is held under it is ours after a crash."""

    def __init__(self, api: ApiClient, *, namespace: str, holder: str, times: LeaseTimes, clock: Clock) -> None:
        self._holder = holder
        self._times = times
        self._clock = clock
        # A renewal that hangs must leave time for another one before the Lease is not fresh any more.
        self._store = LeaseStore(api, namespace, timeout_s=times.duration_s / 6)
        self._sightings = Sightings()
        self._here: set[str] = set()

    @asynccontextmanager
    async def hold(self, target: Target) -> AsyncIterator[HeldLease]:
        """Acquire, renew in the background, release at the end.

        Raises LeaseLostError when another holder lives; it says who, and carries when that would expire.
        """
        name = lease_name(target)
        if name in self._here:
            raise LeaseLostError(f"this bot works on {target.kind} {target.name} already")
        self._here.add(name)
        try:
            lease = await self._acquire(name, target)
            renewal = asyncio.create_task(lease.stay(), name=f"renew {name}")
            try:
                yield lease
            finally:
                renewal.cancel()
                await asyncio.wait([renewal])
                await lease.release()
        finally:
            self._here.discard(name)

    async def _acquire(self, name: str, target: Target) -> HeldLease:
        for _ in range(ACQUIRE_TRIES):
            found = await self._store.find(name)
            if found is not None:
                self._refuse_living(found, target)
            sent_at = self._clock.monotonic()
            with contextlib.suppress(ConflictError):
                lease = await self._take(found, target)
                self._sightings.forget(name)
                return HeldLease(lease, self._store, self._times, self._clock, sent_at)
        raise LeaseLostError(f"the Lease {name} of {target.kind} {target.name} is changed by others all the time")

    def _refuse_living(self, found: Lease, target: Target) -> None:
        """Raises LeaseLostError unless the Lease is free, ours, or was seen unchanged for its whole duration."""
        holder = found.spec.holder_identity
        if not holder or holder == self._holder:
            return
        left_s = self._sightings.left_s(found, self._times.duration_s, self._clock.monotonic())
        if left_s > 0:
            raise LeaseLostError(
                f"{target.kind} {target.name} is held by {holder} (renewed {found.spec.renew_time}); "
                f"free in {left_s:.0f} s unless it is renewed",
                retry_after_s=left_s,
            )

    async def _take(self, found: Lease | None, target: Target) -> Lease:
        if found is None:
            return await self._store.create(target, self._acquired(0))
        meta, before = found.metadata, found.spec
        log.info("lease taken", lease=meta.name, before=before.holder_identity or "nobody")
        spec = self._acquired((before.lease_transitions or 0) + 1)
        return await self._store.patch(meta.name, meta.resource_version, spec)

    def _acquired(self, transitions: int) -> RawObject:
        now = micro_time(self._clock.now())
        return {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": self._times.duration_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

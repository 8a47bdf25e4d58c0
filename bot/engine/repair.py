"""Hops 6 to 9 of one incident: with a place in the fleet, under the Lease and the node's epoch (design.md 4.1, 5).

Entered anew after every interruption: a lost Lease, an unreachable node, a restart of the program. What has been
done is in the journal, what is true is in the facts, so there is no state of its own worth keeping.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.core import entries as e
from bot.core.errors import PASSING, BotError, HostKeyError, JournalError, TemporaryError, UnreachableError
from bot.core.facts import Facts
from bot.core.incident import Incident, Phase, StepProgress, StepState
from bot.core.model import Blocker, Consent, Diagnosis, Family, Plan
from bot.core.pause import Paused, halt_text
from bot.core.plan import within
from bot.core.quiet import NO_START, UNREADABLE
from bot.engine.brake import Halted
from bot.engine.ends import StepFailed, Stopping, TakenOver
from bot.engine.kept import Kept
from bot.engine.look import Subject
from bot.engine.owner import Owner
from bot.engine.parts import Parts
from bot.engine.ports import Lease, NodeShell
from bot.engine.runner import Runner
from bot.steps import decode
from bot.steps.undo_plan import undo_plan

log = structlog.get_logger(__name__)

FLEET_RETRY_S = 1.0
INTERRUPTED_RETRY_S = 3.0
HALTED_RETRY_S = 30.0
"""How often the brake is looked at while it holds; a change of it wakes the worker at once."""


class Repair:
    """Carries an approved incident through to its end, as far as the world lets it."""

    def __init__(self, parts: Parts, owner: Owner) -> None:
        self._parts = parts
        self._owner = owner
        self._interrupted_at: tuple[int, int, float] | None = None
        """(acts, steps done, monotonic seconds) at the first interruption since anything went forward."""
        self._node_is_lost = False
        """By the latest interruption; a release after a hold asks anew."""

    @property
    def _incident(self) -> Incident:
        return self._owner.incident

    async def run(self) -> None:
        """One try. What has to wait after it waits with neither place nor Lease nor connection."""
        pause_s: float | None = FLEET_RETRY_S
        if self._parts.fleet.enter(self._incident.id):
            try:
                pause_s = await self._try()
            finally:
                self._parts.fleet.leave(self._incident)
        if pause_s is not None:
            # Not queueing: people may deny or abort meanwhile, and others get their turn.
            await self._owner.wait(pause_s)

    async def _try(self) -> float | None:
        """How long to wait before the next try; `None` when something went forward, or nothing more will."""
        try:
            await self._heed_brake()
            async with AsyncExitStack() as stack:
                lease = await stack.enter_async_context(self._parts.leases.hold(self._incident.target))
                node = self._incident.target.node if self._needs_node else None
                shell = await stack.enter_async_context(self._parts.nodes.shell(node)) if node else None
                await self._with_lease(lease, shell)
        except Stopping:
            pass
        except Halted as halted:
            return await self._stand_still(halted.pause)
        except JournalError:
            raise
        except BotError as error:
            return await self._interrupted(error)
        return None

    async def _heed_brake(self) -> None:
        """Before all that a pause keeps from being entered: Lease, connection, epoch. Raises as `Brake.heed`."""
        i = self._incident
        leaving = i.phase is Phase.UNDOING or i.failure is not None or i.abort is not None
        goes_on = i.touched and not leaving and i.suspended is None
        current = i.current if goes_on else None
        amid_whole = current is not None and bool(current.acts) and decode(current.planned).whole
        if not leaving and not amid_whole:
            await self._parts.brake.heed()
        if i.suspended is not None and not leaving:
            await self._owner.record(e.Continued(at=self._owner.now()))

    async def _stand_still(self, pause: Paused) -> float | None:
        """Until the brake is released: without Lease and connection, our marks on the node (`engine/brake`)."""
        now = self._owner.now()
        self._interrupted_at = None  # the time of a pause is nobody's trouble with the node
        if not self._incident.touched:
            return HALTED_RETRY_S
        if self._incident.suspended is None:
            until = now + timedelta(seconds=self._parts.settings.pause.hold_after_s)
            await self._owner.record(e.Suspended(at=now, why=halt_text(pause), until=until))
        assert self._incident.suspended is not None
        left_s = (self._incident.suspended.until - now).total_seconds()
        if left_s > 0:
            return min(left_s, HALTED_RETRY_S)
        await self._owner.hold(f"its repair stood still in the middle for too long: the bot is {halt_text(pause)}")
        return None

    @property
    def _needs_node(self) -> bool:
        """What is given back through the API alone must not wait for a node that may never come back.

        Where a command may still run there, the node is asked once all the same.
        """
        if self._incident.phase is not Phase.UNDOING:
            return True
        asks = bool(self._incident.unsettled) and not self._node_is_lost
        return asks or any(decode(step.planned).needs_node for step in self._incident.undo)

    async def _interrupted(self, error: BotError) -> float | None:
        """Try again from the facts: before the start until the approval is too old, later until it is held.

        A repair that has touched its node tries on, whatever is in the way.
        """
        log.warning("interrupted", incident=self._incident.id, error=str(error))
        if not self._incident.touched and not isinstance(error, PASSING):
            await self._owner.conclude(_no_start(self._incident, error))
            return None
        if self._incident.touched and self._too_long():
            bound_s = self._parts.settings.ssh.unreachable_s
            self._interrupted_at, self._node_is_lost = None, False
            await self._owner.hold(f"The repair cannot go on: for {bound_s:g} s: {error}")
            return None
        asked_s = error.retry_after_s if isinstance(error, TemporaryError) else None
        return asked_s or INTERRUPTED_RETRY_S

    def _too_long(self) -> bool:
        """Whether nothing has gone forward for `ssh.unreachable_s` since the first interruption."""
        now = self._parts.clock.monotonic()
        acts, done = self._incident.last_seq, sum(s.state is StepState.DONE for s in self._incident.moving)
        if self._interrupted_at is None or self._interrupted_at[:2] != (acts, done):
            self._interrupted_at = (acts, done, now)
        return now - self._interrupted_at[2] > self._parts.settings.ssh.unreachable_s

    async def _with_lease(self, lease: Lease, shell: NodeShell | None) -> None:
        epoch = await self._take_node(lease, shell)
        skipped: tuple[str, ...] = ()
        kept = Kept(self._parts.clock)
        if not self._incident.touched and self._incident.phase is not Phase.UNDOING:
            needed = await self._still_approved(shell, kept)
            if needed is None or not await self._owner.may_start():
                return
            skipped = tuple(s.planned.name for s in self._incident.steps if s.planned.name not in needed)
        holder = self._parts.journal.id
        await self._owner.record(e.Started(at=self._owner.now(), epoch=epoch, holder=holder, skipped=skipped))
        runner = Runner(
            owner=self._owner,
            brake=self._parts.brake,
            gather=self._gather,
            kept=kept,
            cluster=self._parts.cluster,
            records=self._parts.records,
            world=self._parts.world,
            clock=self._parts.clock,
            lease=lease,
            shell=shell,
            epoch=epoch,
            reconnect_s=self._parts.settings.ssh.unreachable_s,
        )
        try:
            if self._incident.failure is None and not self._incident.undo:
                await self._act(runner)
            if self._incident.phase is Phase.RUNNING and (self._incident.failure or self._incident.abort):
                await self._plan_undo()
            if self._incident.phase is Phase.UNDOING:
                await self._undo(runner)
        except TakenOver as taken:
            await self._owner.hold(str(taken))

    async def _take_node(self, lease: Lease, shell: NodeShell | None) -> int:
        """The node refuses older holders from now on; what they started has ended before we go on.

        Until that is known, the Lease is kept: a command of before may be running (invariant 5).
        """
        lease.keep(shell is not None or bool(self._incident.unsettled))
        if shell is None:
            return lease.transitions
        try:
            epoch = await shell.mint_epoch(lease.transitions, self._parts.journal.id)
        except UnreachableError:
            self._node_is_lost = True
            raise
        self._node_is_lost = False
        ours = {act.unit for act in (p.pending for p in self._incident.moving) if act}
        for unit in await shell.running_units():
            if unit not in ours:
                log.warning("waiting for a command of an earlier holder", incident=self._incident.id, unit=unit)
                await shell.collect(unit, self._parts.settings.ssh.unpack_timeout_s)
        lease.keep(bool(ours))
        return epoch

    async def _still_approved(self, shell: NodeShell | None, kept: Kept) -> frozenset[str] | None:
        """Blockers and facts again (hop 6): go only when the plan needs nothing that was not approved.

        The names of the steps that are needed now; `None` when something else follows from the look.
        """
        approved = self._incident.plan
        assert approved is not None
        conclusion, seen = await self._parts.looker.look_with_node(Subject.of(self._incident), shell)
        kept.keep_node(seen)
        if isinstance(conclusion, Plan) and within(conclusion, approved) and self._licensed(conclusion):
            return frozenset(step.name for step in conclusion.steps)
        await self._owner.conclude(conclusion)
        return None

    def _licensed(self, now: Plan) -> bool:
        """A person approved this very plan, or no rule that matches by now wants one to (invariant 2)."""
        answer, plan = self._incident.answer, self._incident.plan
        if now.observed:
            return False
        approved = answer is not None and plan is not None and answer.approve and answer.digest == plan.digest
        return approved or now.approval is Consent.NONE

    async def _gather(self, shell: NodeShell | None, with_node: bool, progress: StepProgress) -> Facts:
        """By the worker's clock, which a step of the wall clock cannot set back: steps wait by it."""
        facts = await self._parts.looker.facts(
            Subject.of(self._incident), shell, with_node=with_node, began=progress.began
        )
        return replace(facts, now=self._owner.now())

    async def _act(self, runner: Runner) -> None:
        try:
            await runner.run()
        except StepFailed as failed:
            await self._fail(failed)
            return
        if not self._incident.abort:
            await self._owner.close()

    async def _fail(self, failed: StepFailed) -> None:
        await self._owner.record(
            e.Failed(
                at=self._owner.now(),
                step=failed.step,
                why=failed.failure.why,
                verdict=failed.failure.verdict,
            )
        )

    async def _plan_undo(self) -> None:
        assert self._incident.plan is not None
        steps = undo_plan(self._incident.plan, self._incident.acted)
        await self._owner.record(
            e.UndoPlanned(at=self._owner.now(), steps=tuple(step.planned() for step in steps))
        )

    async def _undo(self, runner: Runner) -> None:
        try:
            await runner.run()
        except StepFailed as failed:
            await self._fail(failed)
            await self._owner.hold(f"the undo stopped at {failed.step}: {failed.failure.why}")
            return
        await self._owner.close()


def _no_start(incident: Incident, error: BotError) -> Diagnosis:
    """People approved, and must hear why nothing happens. Whoever sees a changed host key can cure it."""
    family = incident.families[-1] if incident.families else Family.AMBIGUOUS
    check = UNREADABLE if isinstance(error, HostKeyError) else NO_START
    why = f"The approved repair could not start: {error}"
    return Diagnosis(family, why, blockers=(Blocker(check, str(error)),))

"""Carries out the steps of one incident: ask the step, journal, act, journal, read the facts, ask again.

Every protection of design.md 5 that concerns a single act is here: entry before act and after act (3), a fresh
Lease and nobody who took over (2, 7), no new command once we stop (5), one unit per act and never a second time
(6), and the first failed step ends the plan (9).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import assert_never

import structlog

from bot.core import entries as e
from bot.core.action import (
    Action,
    Api,
    ApiChange,
    CloseRecords,
    Command,
    Done,
    Fail,
    Outcome,
    OutcomeKind,
    Run,
    SetCordon,
    Verdict,
    Wait,
)
from bot.core.errors import BotError, LeaseLostError, TemporaryError
from bot.core.facts import Facts
from bot.core.incident import StepProgress
from bot.core.names import unit_name
from bot.core.takeover import taken_over
from bot.engine.acts import has_begun, refuse_repetition, with_acts
from bot.engine.brake import Brake
from bot.engine.ends import StepFailed, Stopping, TakenOver
from bot.engine.kept import KEPT_S, Kept
from bot.engine.owner import Owner
from bot.engine.ports import Clock, Cluster, Lease, NodeShell, Records, World
from bot.steps import decode
from bot.steps.step import Step

log = structlog.get_logger(__name__)

ROUND_S = 0.5
"""At least this long between two rounds of facts of a waiting step."""

COLLECT_MARGIN_S = 30.0
"""Beyond a unit's own bound: the node's clock is not ours, and systemd needs a moment to end it."""


GatherFacts = Callable[[NodeShell | None, bool, StepProgress], Awaitable[Facts]]
"""(shell, read the node too, the step) -> one round of facts."""


class Runner:
    """Runs the moving steps of one incident under a held Lease, from wherever the journal says they are."""

    def __init__(
        self,
        *,
        owner: Owner,
        gather: GatherFacts,
        kept: Kept,
        brake: Brake,
        cluster: Cluster,
        records: Records | None,
        world: World,
        clock: Clock,
        lease: Lease,
        shell: NodeShell | None,
        epoch: int,
        reconnect_s: float,
    ) -> None:
        self._owner = owner
        self._gather = gather
        self._kept = kept
        self._brake = brake
        self._cluster = cluster
        self._records = records
        self._world = world
        self._clock = clock
        self._lease = lease
        self._shell = shell
        self._epoch = epoch
        self._reconnect_s = reconnect_s

    async def run(self) -> None:
        """Returns when every moving step is done, or when an abort is asked for while the plan runs.

        Raises StepFailed, Stopping, TakenOver, Halted, LeaseLostError, UnreachableError.
        """
        while (progress := self._owner.incident.current) is not None:
            await self._owner.drain_inbox()
            # What may still be running ends first: an undo beside it would be overtaken by it.
            if progress.pending is not None:
                await self._settle(progress.pending)
            elif self._abort_asked:
                return
            else:
                await self._advance(progress)

    @property
    def _undoing(self) -> bool:
        return bool(self._owner.incident.undo)

    @property
    def _abort_asked(self) -> bool:
        return self._owner.incident.abort is not None and not self._undoing

    async def _advance(self, progress: StepProgress) -> None:
        """One turn of one step."""
        name = progress.planned.name
        if progress.began is None:
            began = e.StepBegan(at=self._owner.now(), name=name, undo=self._undoing, heard=self._kept.heard)
            await self._owner.record(began)
            return
        step = decode(progress.planned)
        facts = await self._facts_for(step, progress)
        action = step.next(with_acts(facts, progress))
        if isinstance(action, Run | Api) and self._is_braked(step, progress, action):
            asked_s = self._clock.monotonic()
            await self._brake.heed()
            if self._clock.monotonic() - asked_s > KEPT_S:
                # A slow answer is no gap: a hold, a takeover or a pause of meanwhile is seen.
                facts = await self._gather(self._shell, step.needs_node, progress)
                action = step.next(with_acts(facts, progress))
                self._brake.check()
        log.debug("step asked", incident=self._owner.incident.id, step=name, action=type(action).__name__)
        try:
            await self._do(name, progress, action, facts)
        except StepFailed as failed:
            if not step.aftercare:
                raise
            await self._end_step(name, Done(failed.failure.why, Verdict.INCONCLUSIVE))

    async def _facts_for(self, step: Step, progress: StepProgress) -> Facts:
        if (kept := self._kept.take(with_node=step.needs_node)) is not None:
            return replace(kept, now=self._owner.now(), began=progress.began or kept.began)
        node = self._kept.take_node() if step.needs_node else None
        facts = await self._gather(self._shell, step.needs_node and node is None, progress)
        return facts if node is None else replace(facts, node=node)

    async def _end_step(self, name: str, done: Done) -> None:
        await self._owner.record(
            e.StepEnded(
                at=self._owner.now(),
                name=name,
                evidence=done.evidence,
                verdict=done.verdict,
                undo=self._undoing,
                jobs=done.jobs,
            )
        )

    async def _do(self, name: str, progress: StepProgress, action: Action, facts: Facts) -> None:
        match action:
            case Done():
                self._kept.keep(facts)
                await self._end_step(name, action)
            case Fail():
                raise StepFailed(name, action)
            case Wait(until=until, why=why, poll_s=poll_s):
                if facts.now >= until:
                    raise StepFailed(name, Fail(f"gave up waiting: {why}"))
                await self._pause(min(poll_s, max(0.05, (until - facts.now).total_seconds())))
            case Run(command=command):
                self._check_gate(facts)
                refuse_repetition(progress, command.key)
                await self._run(name, command)
            case Api(change=change, purpose=purpose):
                self._check_gate(facts, uncordons=isinstance(change, SetCordon) and not change.cordoned)
                key = type(change).__struct_config__.tag
                refuse_repetition(progress, str(key))
                await self._apply(await self._announce(self._intend(name, str(key), purpose, change=change)))
            case _:
                assert_never(action)

    async def _pause(self, timeout_s: float) -> None:
        """Until the cluster says something new, but not at once: a busy cluster says something all the time."""
        began = self._clock.monotonic()
        await self._world.changed(timeout_s)
        rest_s = min(ROUND_S, timeout_s) - (self._clock.monotonic() - began)
        if rest_s > 0:
            await self._clock.sleep(rest_s)
        if self._owner.stopping:
            raise Stopping

    def _is_braked(self, step: Step, progress: StepProgress, action: Run | Api) -> bool:
        """Whether a pause of the bot stops this act (`engine/brake`)."""
        return not self._undoing and not (step.whole and has_begun(progress, action))

    def _check_gate(self, facts: Facts, *, uncordons: bool = False) -> None:
        self._check_right()
        taken = taken_over(facts.cluster.node, self._owner.incident, uncordons=uncordons)
        if taken:
            raise TakenOver(taken)

    def _check_right(self) -> None:
        if self._owner.stopping:
            raise Stopping
        if not self._lease.fresh():
            raise LeaseLostError("the Lease was not renewed in time; no new command is started")

    async def _announce(self, act: e.Intended) -> e.Intended:
        """Entry before act. A slow disk may take as long as a Lease lasts: the right to act is looked at again.

        Whoever comes back finds the act pending, learns that it never began, and asks the facts.
        """
        await self._owner.record(act)
        self._check_right()
        return act

    def _intend(self, step: str, key: str, purpose: str, **what: object) -> e.Intended:
        seq = self._owner.incident.last_seq + 1
        return e.Intended(
            at=self._owner.now(),
            seq=seq,
            step=step,
            key=key,
            purpose=purpose,
            **what,  # type: ignore[arg-type]
        )

    async def _run(self, step: str, command: Command) -> None:
        incident = self._owner.incident
        unit = unit_name(incident.id, incident.last_seq + 1, command.key)
        act = await self._announce(self._intend(step, command.key, command.purpose, unit=unit, command=command))
        self._lease.keep(True)
        self._kept.keep_node(None)
        try:
            await self._need_shell().start(unit, command, self._epoch)
        except TemporaryError as error:
            log.warning("start not confirmed", incident=incident.id, unit=unit, error=str(error))
        except BotError as error:
            self._lease.keep(False)
            await self._end(act, Outcome(OutcomeKind.FAILED, output=str(error)))
            return
        if not await self._collect(act):
            raise LeaseLostError(f"the node refused {unit}: it has seen a newer holder")

    async def _settle(self, pending: e.Intended) -> None:
        """An act of before a restart or a lost connection: its outcome first, whatever comes next.

        A change through the API is settled by the facts of the next round: each is idempotent.
        """
        if pending.command is not None:
            await self._collect(pending)
        else:
            await self._end(
                pending, Outcome(OutcomeKind.UNKNOWN, output="the bot was restarted; the facts decide")
            )

    async def _collect(self, act: e.Intended) -> bool:
        """Wait for a unit's end, and journal it. While it may run, the Lease is not given back.

        False when the node refused it for its epoch: then it never began. The newer epoch may well be our own,
        minted after a lost connection, so it is no failure of the step.
        """
        assert act.command is not None
        self._lease.keep(True)
        timeout_s = act.command.timeout_s + COLLECT_MARGIN_S + self._reconnect_s
        outcome = await self._need_shell().collect(act.unit, timeout_s)
        self._lease.keep(False)
        refused = outcome is not None and outcome.kind is OutcomeKind.REFUSED
        if outcome is None:
            outcome = Outcome(OutcomeKind.UNKNOWN, output="the node never took the command over")
        elif refused:
            outcome = Outcome(OutcomeKind.UNKNOWN, output=f"it never began: {outcome.output}")
        await self._end(act, outcome)
        return not refused

    async def _apply(self, act: e.Intended) -> None:
        assert act.change is not None
        try:
            outcome = await self._change(act.change)
        except BotError as error:
            kind = OutcomeKind.UNKNOWN if isinstance(error, TemporaryError) else OutcomeKind.FAILED
            outcome = Outcome(kind, output=str(error))
        await self._end(act, outcome)

    async def _change(self, change: ApiChange) -> Outcome:
        if not isinstance(change, CloseRecords):
            return await self._cluster.apply(change)
        if self._records is None:
            return Outcome(OutcomeKind.FAILED, output="the section ims is not in the configuration any more")
        return await self._records.close(change)

    async def _end(self, act: e.Intended, outcome: Outcome) -> None:
        await self._owner.record(e.Ended(at=self._owner.now(), seq=act.seq, outcome=outcome))

    def _need_shell(self) -> NodeShell:
        if self._shell is None:
            raise RuntimeError("a cluster-scoped plan asked for a command on a node")
        return self._shell

"""The brake of the whole bot: paused or not, asked before every command (`core/pause` says what a pause is).

What it stops, and what it does not:

* No new command of a plan starts. One that runs ends by itself, and its outcome is journaled.
* A repair in the middle stands still, and keeps what it must: its node's cordon and marks, and its place in the
  fleet. It holds no Lease and no connection meanwhile, because nobody needs the right to change what nobody
  changes, and other bots keep off a node with our cordon. After `pause.hold_after_s` it is *held* and people are
  told: a pause that somebody forgot must not keep a node cordoned in silence.
* The acts of a step that belong together (`Step.whole`: arm the node's own rollback, restart, disarm) are one
  command for the brake. To stop between them would stop nothing: the node's timer runs on, and would restart
  containerd by itself minutes after people were told that nothing happens.
* The way out is never blocked (design.md invariant 10): a failed step's undo, `abort` and `release` go on. A node
  left half-way is worse than one put back, and they only take away what is ours. Who wants even that stopped sets
  the annotation `ims-remediation-bot/hold` on the node, which is checked before those commands, too.
* An approval is refused while it is paused, not kept: it means "go now, I have looked", and must not start
  anything hours later when somebody else resumes. One given before the pause starts after it, if it is young
  enough (`approval.start_within_s`), else it is asked again. A denial is taken at any time.
* Looking, planning, asking and telling go on.

Kept in the journal's file: a restart reads that before it does anything, and it belongs to exactly one bot. The
ConfigMap's key is read live before every command, by name, so there is nothing to miss between two looks; and now
and then for the cards. Unreadable means: no command starts.
"""

import asyncio
from collections.abc import Callable

import structlog

from bot.core.errors import BotError, JournalError
from bot.core.model import Actor
from bot.core.pause import Door, Halt, Paused, PauseRecord, Resumed, Unclear, in_force, reason_in
from bot.engine.ports import Clock, PauseKey, Pauses

log = structlog.get_logger(__name__)

DOUBT_S = 60.0
"""A key that is unreadable for so long is told to people; shorter is a restart of the API server."""


class Halted(Exception):
    """The bot is paused: the command that was about to start does not."""

    def __init__(self, pause: Paused) -> None:
        super().__init__(pause.reason)
        self.pause = pause


class Brake:
    def __init__(self, pauses: Pauses, key: PauseKey | None, clock: Clock, read_s: float) -> None:
        """`key` is None where no ConfigMap is read; `read_s` is how often it is read for the cards."""
        self._pauses = pauses
        self._key = key
        self._clock = clock
        self._read_s = read_s
        self._doors: dict[Door, Paused] = {}
        self._doubt: Unclear | None = None
        self._doubted_s = 0.0
        self._shown: Halt | None = None
        self._told: list[Callable[[], None]] = []
        self._reading = asyncio.Lock()

    def on_change(self, told: Callable[[], None]) -> None:
        """Call `told` whenever `halt` has changed."""
        self._told.append(told)

    @property
    def halt(self) -> Halt | None:
        """Why nothing new starts, as far as we know without asking: for cards and answers."""
        if self._known is not None or self._doubt is None:
            return self._known
        lasted_s = self._clock.monotonic() - self._doubted_s
        return self._doubt if lasted_s >= DOUBT_S else None

    @property
    def _known(self) -> Paused | None:
        return self._doors.get(Door.TERMINAL) or self._doors.get(Door.CLUSTER)

    async def recall(self) -> None:
        """What the journal says of before this start. Raises JournalError."""
        self._doors = dict(in_force(await self._pauses.pauses()))
        self._shown = self.halt

    async def heed(self) -> None:
        """Asked before a command. Raises Halted, or BotError when nobody can say: then none may start either."""
        if self._key is not None and Door.TERMINAL not in self._doors:
            await self._read(self._key)
        self.check()

    def check(self) -> None:
        """As `heed`, by what is known without asking: when that was a moment ago. Raises Halted."""
        if (pause := self._known) is not None:
            raise Halted(pause)

    async def pause(self, actor: Actor, reason: str) -> None:
        """From this moment on, and over restarts once it returns. Raises JournalError."""
        await self._set(Paused(at=self._clock.now(), door=Door.TERMINAL, actor=actor, reason=reason))

    async def resume(self, actor: Actor) -> bool:
        """Whether there was a pause of the terminal to lift. Raises JournalError."""
        if Door.TERMINAL not in self._doors:
            return False
        await self._set(Resumed(at=self._clock.now(), door=Door.TERMINAL, actor=actor))
        return True

    async def run(self) -> None:
        """Read the key now and then, until cancelled. Raises JournalError."""
        while True:
            if self._key is not None:
                try:
                    await self._read(self._key)
                except JournalError:
                    raise
                except BotError as error:
                    log.warning("pause key not readable", error=str(error))
            await self._clock.sleep(self._read_s)

    async def _read(self, key: PauseKey) -> None:
        async with self._reading:
            try:
                reason = reason_in(await key.read())
            except BotError as error:
                self._doubts(error)
                self._tell_if_other()
                raise
            self._doubt = None
            known = self._doors.get(Door.CLUSTER)
            now, actor = self._clock.now(), Actor(via="kube", user=key.name)
            if reason is None and known is not None:
                await self._set(Resumed(at=now, door=Door.CLUSTER, actor=actor))
            elif reason is not None and (known is None or known.reason != reason):
                await self._set(Paused(at=now, door=Door.CLUSTER, actor=actor, reason=reason))
            self._tell_if_other()

    def _doubts(self, error: BotError) -> None:
        if self._doubt is None:
            self._doubted_s = self._clock.monotonic()
            self._doubt = Unclear(at=self._clock.now(), why=str(error))

    async def _set(self, record: PauseRecord) -> None:
        """A pause holds before it is on disk, and is lifted only when that is: both err on the safe side."""
        before = self._doors.get(record.door)
        if isinstance(record, Paused):
            self._doors[record.door] = record
        await self._pauses.note_pause(record)
        if isinstance(record, Resumed) and self._doors.get(record.door) is before:  # nobody paused meanwhile
            self._doors.pop(record.door, None)
        log.info(type(record).__name__, door=record.door.value, who=record.actor.user)
        self._tell_if_other()

    def _tell_if_other(self) -> None:
        if (halt := self.halt) != self._shown:
            self._shown = halt
            for told in self._told:
                told()

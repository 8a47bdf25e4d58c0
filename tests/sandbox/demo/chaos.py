"""What is broken while the story runs: kills of the bot, cut SSH sessions, API errors, all drawn from one seed.

A moment is the n-th entry that the bot journals over all its lives, plus a fraction of a second. So one seed means
the same hops of the same incidents, as far as two runs of a concurrent program can be the same.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.sandbox.api import Fault
from tests.sandbox.whole import Sandbox
from tests.sandbox.whole.process import Record

_MOST_KILLS = 5
_ENTRIES = 165
"""About as many as a whole story without chaos journals."""
_APART = 10
_KINDS = ("ssh", "500", "410", "drop", "reply")
_OTHERS = 5
_LONGEST_PAUSE_S = 0.6


@dataclass(frozen=True, slots=True)
class _Blow:
    """`pause_s` after the `entry`-th entry."""

    entry: int
    pause_s: float
    kind: str


class Chaos:
    """Plug `hear` into the bot's log. `tell` gets a sentence for each thing that was broken."""

    def __init__(self, seed: int, sandbox: Sandbox, tell: Callable[[str], None]) -> None:
        self._random = random.Random(seed)
        self._sandbox = sandbox
        self._tell = tell
        self._entries = 0
        self._plan = self._draw()
        self._tasks: set[asyncio.Task[None]] = set()
        self.kills = 0

    def hear(self, record: Record) -> None:
        """Every line of the bot's log; those with a phase are journal entries."""
        if "phase" not in record:
            return
        self._entries += 1
        for blow in [blow for blow in self._plan if blow.entry <= self._entries]:
            self._plan.remove(blow)
            task = asyncio.get_running_loop().create_task(self._strike(blow, str(record["event"])))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Nothing more is broken, and what is broken is whole again."""
        self._plan.clear()
        for task in self._tasks:
            task.cancel()
        self._sandbox.api.faults.clear()

    def _draw(self) -> list[_Blow]:
        """Everything at least once; kills apart from each other, so that each meets a running bot."""
        slots = self._random.sample(range(_ENTRIES // _APART), self._random.randint(3, _MOST_KILLS))
        kills = [1 + slot * _APART + self._random.randrange(_APART - 1) for slot in slots]
        kinds = [*_KINDS, *self._random.choices(_KINDS, k=_OTHERS)]
        others = [(self._random.randrange(1, _ENTRIES), kind) for kind in kinds]
        drawn = [*((entry, "kill") for entry in kills), *others]
        return [_Blow(entry, self._random.uniform(0, _LONGEST_PAUSE_S), kind) for entry, kind in sorted(drawn)]

    async def _strike(self, blow: _Blow, after: str) -> None:
        await asyncio.sleep(blow.pause_s)
        moment = f"{blow.pause_s * 1000:.0f} ms after entry {blow.entry} ({after})"
        faults, store = self._sandbox.api.faults, self._sandbox.registry.store
        match blow.kind:
            case "kill":
                if not self._sandbox.bot.running:
                    return
                self.kills += 1
                self._tell(f"SIGKILL for the bot, {moment}")
                self._sandbox.bot.kill()
            case "ssh":
                cut = sum(node.sshd.cut() for node in self._sandbox.nodes)
                self._tell(f"{cut or 'no'} SSH sessions cut, {moment}")
            case "500":
                faults.strike_next(3, Fault.INTERNAL_ERROR)
                self._tell(f"the API answers 500 to the next three requests, {moment}")
            case "410":
                faults.gone_as_http = not faults.gone_as_http
                store.compact()
                faults.expire_watches()
                self._tell(f"the API forgets its history: 410 for every watch, {moment}")
            case "drop":
                self._sandbox.api.drop_connections()
                self._tell(f"every connection to the API is cut, {moment}")
            case _:
                faults.strike_next(1, Fault.REPLY_LOST, lambda call: call.verb in ("patch", "create", "delete"))
                self._tell(f"the API does the next change and loses its answer, {moment}")

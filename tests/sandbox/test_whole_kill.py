"""`kill -9` again and again in the middle of one repair: it goes on where it was, and nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import BotDied, Sandbox, Worker, complaints, find_card, pinned
from tests.sandbox.whole.afterwards import configurations, entries_journaled
from tests.sandbox.whole.process import Record

BROKEN = "ncn-w001"
WORKERS = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}

MOMENTS = (("Asked", 1), ("Answered", 1), ("Intended", 3), ("Intended", 5), ("Intended", 8))
"""Entry, and the how many-th of it: the bot is killed as soon as that is seen to be journaled, before or while it
acts. The third act replaces the configuration, the fifth restarts containerd, the eighth creates the canary."""


class Killer:
    """Kills the bot once for each moment, in their order; it is started again, as a supervisor does.

    A line of an incident only says when to look. What is reached stands in the journal: an entry whose line was
    not written any more, because another kill came between the two, counts as well.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._killed = False
        self.left = list(MOMENTS)

    def hear(self, record: Record) -> None:
        if self._killed or not self.left or "incident" not in record:
            return
        name, number = self.left[0]
        if number <= entries_journaled(self._sandbox)[name]:
            del self.left[0]
            self._killed = True
            self._sandbox.bot.kill()

    async def keep_running(self) -> None:
        """Raises BotDied when the bot ends by itself."""
        bot = self._sandbox.bot
        while True:
            code = await bot.ended()
            if code != -signal.SIGKILL:
                raise BotDied(f"the bot ended by itself with {code}; its last lines:\n{bot.tail()}")
            self._killed = False
            with suppress(BotDied):  # killed again before it was up
                await bot.start()


async def test_a_repair_survives_kills_at_every_kind_of_moment(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, WORKERS) as sandbox:
        before = configurations(sandbox)
        killer = Killer(sandbox)
        sandbox.bot.on_record = killer.hear
        await sandbox.bot.start()
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(killer.keep_running())
            job = sandbox.create_job(pinned(ims_job("create"), BROKEN))

            await sandbox.see(lambda slack: find_card(slack, BROKEN), timeout_s=60)
            await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-approve")
            card = await sandbox.see(
                lambda slack: (card := find_card(slack, BROKEN)) and card.settled and card, timeout_s=150
            )
            await sandbox.until(lambda: sandbox.complete(job), 60)
            keeper.cancel()

        assert "Healed" == card.state
        assert [] == killer.left
        assert 0 == await sandbox.bot.stop()
        assert [] == complaints(sandbox, before)

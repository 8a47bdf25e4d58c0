"""What a test hears of the bot that it started: its end, when nobody wanted it, and its own mistakes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.whole import BotDied, BotProcess
from tests.sandbox.whole.process import Record
from tests.waiting import eventually


@pytest.fixture
def bot(tmp_path: Path) -> BotProcess:
    """It ends at once, because it has no configuration."""
    return BotProcess(tmp_path / "nowhere.yaml", tmp_path / "log")


async def test_whoever_waits_for_something_else_hears_that_the_bot_died(bot: BotProcess) -> None:
    with pytest.raises(BotDied, match="cannot read the configuration"):
        await bot.start()
    with pytest.raises(BotDied, match=r"ended by itself with 2(.|\n)*cannot read the configuration"):
        await bot.outliving(asyncio.Event().wait())


async def test_a_bot_that_was_killed_has_not_died_by_itself(bot: BotProcess) -> None:
    starting = asyncio.create_task(bot.start())
    await eventually(lambda: bot.running)
    bot.kill()
    with pytest.raises(BotDied):
        await starting
    assert "found" == await bot.outliving(asyncio.sleep(0.1, "found"))


async def test_a_mistake_of_the_listener_reaches_whoever_waits(bot: BotProcess) -> None:
    def mistaken(record: Record) -> None:
        raise ZeroDivisionError

    bot.on_record = mistaken
    for wait in (bot.start, bot.ended, bot.stop, lambda: bot.outliving(asyncio.Event().wait())):
        with pytest.raises(ZeroDivisionError):
            await wait()


async def test_a_timeout_tells_what_the_bot_said_last(bot: BotProcess) -> None:
    bot.records.append({"event": "the last line"})

    async def never() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError) as caught:
        await bot.outliving(never())
    assert "the bot's last lines:\nthe last line" in caught.value.__notes__

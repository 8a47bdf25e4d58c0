"""Slow and dead nodes never delay the rest, and there is a cap."""

import asyncio

import pytest

from bot.engine.lanes import Lanes
from tests.scenarios.virtual_time import run_virtually

PATIENCE_S = 5.0
BOUND_S = 30.0


def test_dead_nodes_as_many_as_the_cap_do_not_delay_the_rest() -> None:
    async def scenario() -> None:
        lanes, ended = Lanes(4, PATIENCE_S), {}

        async def node(number: int) -> None:
            await asyncio.sleep(BOUND_S if number < 4 else 0.5)
            ended[number] = asyncio.get_running_loop().time()

        await asyncio.gather(*(lanes.run(node(number)) for number in range(24)))
        assert PATIENCE_S + 5 * 0.5 == max(at for number, at in ended.items() if number >= 4)
        assert BOUND_S == max(ended.values())

    run_virtually(scenario())


@pytest.mark.parametrize("dead", [0, 1, 7, 25])
def test_a_sweep_ends_within_the_dead_nodes_divided_by_the_cap(dead: int) -> None:
    async def scenario() -> None:
        cap, lanes, under_way, most = 10, Lanes(10, PATIENCE_S), 0, 0

        async def node(number: int) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(BOUND_S if number % 20 == 0 and number < 20 * dead else 0.3)
            under_way -= 1

        await asyncio.gather(*(lanes.run(node(number)) for number in range(500)))
        assert (dead / cap + 1) * BOUND_S >= asyncio.get_running_loop().time()
        assert 2 * cap >= most

    run_virtually(scenario())


def test_places_are_given_back_after_errors_and_cancellations() -> None:
    async def scenario() -> None:
        lanes = Lanes(1, PATIENCE_S)

        async def fails() -> None:
            await asyncio.sleep(2 * PATIENCE_S)
            raise LookupError

        for _ in range(3):
            with pytest.raises(LookupError):
                await lanes.run(fails())
            task = asyncio.create_task(lanes.run(asyncio.sleep(3600)))
            await asyncio.sleep(2 * PATIENCE_S)
            task.cancel()
            waiting = asyncio.create_task(lanes.run(asyncio.sleep(1)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(task, waiting, return_exceptions=True)
        assert "read" == await lanes.run(asyncio.sleep(1, "read"))

    run_virtually(scenario())

"""Addresses that never answer cost a sweep their own time and nobody else's."""

from pathlib import Path

from bot.core.drift import State
from tests.bench.addresses import crowd, sweep

CAP = 5
BOUND_S = 20.0
"""Generous: the machine that runs the tests serves all addresses itself."""


async def test_a_sweep_ends_within_the_time_of_its_hanging_nodes(tmp_path: Path) -> None:
    async with crowd(tmp_path, addresses=40, hanging=2, cap=CAP, bound_s=BOUND_S) as made:
        found = await sweep(made)
    assert {State.FINE: 38, State.UNREADABLE: 2} == dict(found.states)
    assert made.hanging == {row.target.name for row in found.rows if row.unreadable}
    assert (2 / CAP + 1) * BOUND_S >= found.took_s

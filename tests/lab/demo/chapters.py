"""Which chapters of the demo play on the lab's three workers, and how these begin.

It is the demo's main story. What is left out (sweep, pause, observed pool) shows the bot's manners and needs more
broken workers; nothing in it depends on the cluster being a real one.
"""

from __future__ import annotations

from tests.lab.node import Setup
from tests.sandbox.demo.story import (
    bare_worker,
    denied_worker,
    near_misses,
    no_label,
    no_runtime_class,
    unit_of_csm,
)
from tests.sandbox.nodes import BARE, CSM_UNIT, WITHOUT_SHIM
from tests.sandbox.whole import Worker

_REPAIRED, _DENIED, _REFUSED = "ncn-w001", "ncn-w002", "ncn-w003"

WORKERS = {
    _REPAIRED: Worker(BARE),
    _DENIED: Worker(WITHOUT_SHIM, kata_label=False),
    _REFUSED: Worker(CSM_UNIT, kata_label=False),
}
"""The first is the only one that gets ready for Kata, so all that needs one goes there. The others get their label
when their chapter comes."""

SETUPS = {name: Setup(unit=worker.state.unit) for name, worker in WORKERS.items()}

CHAPTERS = (
    bare_worker(_REPAIRED),
    no_runtime_class(_REPAIRED),
    near_misses(_REPAIRED),  # early: a card about one of them must have time to come
    no_label(WORKERS),
    denied_worker(_DENIED),
    unit_of_csm(_REFUSED),
)

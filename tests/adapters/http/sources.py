"""Sources with something of everything: the stories that people see on cards, and one of each counter."""

from datetime import UTC, datetime

from bot.adapters.http.metrics import Sources
from bot.adapters.kube.watch import Progress
from bot.adapters.ssh.failures import no_failures
from bot.core.drift import Row
from bot.core.sweep import Ended
from tests.unit.views import stories

SWEPT = Ended(
    at=datetime(2026, 11, 24, 3, 17, tzinfo=UTC),
    sweep="sweep-1",
    rows=(Row(stories.target(1), unreadable="it does not answer"),),
    fine=4,
)


def sources(**changes: object) -> Sources:
    watch = Progress(name="watch pods in namespace ims", active_at=70.0, lines=12, lists=2, undecodable=1)
    usual: dict[str, object] = {
        "incidents": lambda: list(stories.stories().values()),
        "unreadable": lambda: 0,
        "watches": lambda: (watch,),
        "dropped": lambda: [("unrelated", 7), ("contradicted", 0), ("unconfirmed", 2)],
        "ssh_failures": no_failures().items,
        "ready": {"watch": lambda: None, "slack": lambda: None},
        "sweeps_begun_at": lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        "last_sweep": lambda: SWEPT,
        "halted": lambda: False,
        "defects": lambda: 0,
        "monotonic": lambda: 100.0,
    }
    return Sources(**{**usual, **changes})  # type: ignore[arg-type] # each test names its own

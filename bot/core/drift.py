"""What a sweep finds on a node that is expected to run Kata, and what only a comparison of nodes shows.

Drift is a statement about now: what a repair would change (`steps/survey` asks the planner), a label that promises
what the node cannot keep, and a version that the other nodes do not have. A node that could not be read has no
drift: unknown is not absent (design.md invariant 8).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from bot.core.model import Target


class DriftKind(StrEnum):
    HANDLER_NOT_LOADED = "handler-not-loaded"
    FILE_BROKEN = "file-broken"
    LINK_BROKEN = "link-broken"
    SETTING_LOST = "setting-lost"
    LABEL_LOST = "label-lost"
    LABEL_UNREADY = "label-on-unready-node"
    CLASS_CHANGED = "runtimeclass-changed"
    """It is missing, or not the one that IMS's jobs need."""
    VERSION_UNLIKE = "version-unlike-others"


class Drift(Struct, frozen=True):
    kind: DriftKind
    detail: str
    """One line: what was seen."""


class State(StrEnum):
    """Of a row."""

    FINE = "fine"
    DRIFT = "drift"
    UNREADABLE = "unreadable"


class Row(Struct, frozen=True):
    """What a sweep says of one node, or of the RuntimeClass."""

    target: Target
    drifts: tuple[Drift, ...] = ()
    would: tuple[str, ...] = ()
    """What a repair would do, one step a line."""
    cannot: str = ""
    """Why a repair is needed and there cannot be one."""
    blocked: str = ""
    """Why no repair is proposed now: a person's hold, a foreign cordon, a node that is not Ready."""
    unreadable: str = ""
    """Why nothing is known; then all else is empty."""
    version: str = ""
    """Of the installed Kata, or empty."""
    incident: str = ""
    """The incident that the drift belongs to, if one was opened for it."""

    @property
    def state(self) -> State:
        if self.unreadable:
            return State.UNREADABLE
        return State.DRIFT if self.drifts else State.FINE

    @property
    def proposes(self) -> bool:
        """Whether there is something for people to pick: a repair, or the diagnosis why there cannot be one."""
        return bool(self.would or self.cannot) and not self.blocked


def unlike_the_others(versions: Mapping[str, str], configured: str | None) -> dict[str, Drift]:
    """Node name -> its drift, for nodes whose Kata version is not the usual one.

    The usual one is what most have; where two lead, the one that the site configured. Without any, all are unlike.
    """
    counts = Counter(versions.values())
    if len(counts) < 2:
        return {}
    most = max(counts.values())
    leaders = {version for version, count in counts.items() if count == most}
    usual = next(iter(leaders)) if len(leaders) == 1 else configured if configured in leaders else None
    seen = ", ".join(f"{count} with {version}" for version, count in counts.most_common())
    return {
        node: Drift(DriftKind.VERSION_UNLIKE, f"Kata {version}, while the expected nodes are: {seen}")
        for node, version in versions.items()
        if version != usual
    }


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """Drift, then what could not be read, then the rest; each by name."""
    order = [State.DRIFT, State.UNREADABLE, State.FINE]
    return sorted(rows, key=lambda row: (order.index(row.state), row.target.node is not None, row.target.name))

"""The worker as its parts see it: planning, telling, the repair and its runner.

They share one incident and have no state worth keeping; only the worker writes the incident's entries.
"""

from datetime import datetime
from typing import Protocol

from bot.core import entries as e
from bot.core.incident import Incident
from bot.engine.look import Conclusion


class Owner(Protocol):
    @property
    def incident(self) -> Incident: ...

    @property
    def stopping(self) -> bool:
        """The program ends: no new command starts (design.md invariant 5)."""

    def now(self) -> datetime:
        """Wall time (UTC) for entries and their deadlines; it never goes back."""

    async def record(self, entry: e.Entry) -> None:
        """Journal it, then count it. Raises JournalError: then nothing that it announces may happen."""

    async def drain_inbox(self) -> None:
        """Journal what people and the watch said meanwhile."""

    async def wait(self, timeout_s: float) -> None:
        """Until a message comes, which is journaled, at the latest after `timeout_s`."""

    async def may_start(self) -> bool:
        """Whether, after everything that was said, the repair is still what comes next."""

    async def conclude(self, conclusion: Conclusion) -> None:
        """Go on with what a look has found: a plan to ask about, or the end."""

    async def close(self, *, evidence: str = "") -> None:
        """`evidence`: why there is nothing to do."""

    async def hold(self, why: str) -> None: ...

"""Cards where there is no Slack: nothing is shown, answers come by `imsbot approve` and `imsbot deny` only."""

from bot.core.incident import Incident
from bot.core.model import CardRef
from bot.core.sweep import Bulletin


class SilentCards:
    def show(self, incident: Incident) -> None:
        """`imsbot incidents` and `imsbot show` tell the state."""

    async def deliver(self, incident: Incident) -> CardRef | None:  # noqa: ARG002 - the port's signature
        return None

    def show_digest(self, bulletin: Bulletin) -> None:
        """`imsbot sweep` tells what drifted."""

"""For whom a message is rendered: their names for ids, their time zone, their own clicks and ephemerals."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.sandbox.slack.model import ChannelId, Ts, User, UserId
from tests.sandbox.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Reader:
    """A person in front of the page."""

    user: User
    zone: ZoneInfo
    workspace: Workspace

    def name_of(self, user: str) -> str:
        """The name behind a `<@U…>`; the bare id when nobody has it, as Slack shows it."""
        known = self.workspace.user(UserId(user))
        return known.real_name if known else user

    def channel_name(self, channel: str) -> str:
        known = self.workspace.channels.get(ChannelId(channel))
        return known.name if known else channel

    def local(self, ts: Ts | str) -> datetime:
        return datetime.fromtimestamp(float(ts), self.zone)

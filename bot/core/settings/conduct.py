"""When people are asked, and when the program waits, pauses, looks or leaves alone."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from bot.core.cron import parse_cron
from bot.core.model import Mode
from bot.core.settings.fields import DnsLabel, Seconds, Section


class Pool(Section):
    """A named set of nodes with a mode of its own."""

    nodes: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = Field(min_length=1)
    """Names, or patterns as a shell has them: `ncn-w00[3-9]`, `*`."""
    mode: Mode


class Approval(Section):
    expires_s: Seconds = 4 * 3600
    """Counted from the delivery of the card."""
    reminder_at: float = Field(default=0.75, gt=0, lt=1)
    """As a part of `expires_s`."""
    start_within_s: Seconds = 900
    """An approval that could not start in this time is asked again."""
    held_reminder_s: Seconds = 4 * 3600
    """A held incident reminds people this often, whatever else is seen on its node."""


class Pausing(Section):
    configmap: DnsLabel | None = "imsbot"
    """In `kubernetes.lease_namespace`; its key `pause` pauses the bot. Unset: only `imsbot pause` does."""
    read_s: Seconds = 10
    """How often the key is read for the cards; before each command it is read anyway."""
    hold_after_s: Seconds = 2 * 3600
    """A repair that a pause stopped in its middle is held after this time: no node stays cordoned unseen."""


class Limits(Section):
    concurrent_repairs: int = Field(default=1, ge=1, le=10)
    attempts_per_target: int = Field(default=2, ge=1, le=10)
    attempts_window_s: Seconds = 24 * 3600
    storm_nodes: int = Field(default=3, ge=2)
    storm_share: float = Field(default=0.25, gt=0, le=1)
    storm_window_s: Seconds = 600
    """The same family on this many nodes and this share of the workers in this time is a cluster's problem."""
    stuck_after_s: Seconds = 120
    """A Kata pod bound to a node that has no sandbox after this time is looked at without any Event."""
    quiet_s: Seconds = 24 * 3600
    """How long a denied, expired or diagnosed failure stays quiet."""
    healed_quiet_s: Seconds = 600
    """How long after a repair the same failure is only counted."""


class Sweep(Section):
    cron: str | None = "17 3 * * *"
    """When all expected nodes are looked at; unset: only by hand."""
    timezone: str = "UTC"
    """Zone of `cron`, as in the IANA database. In UTC no hour is missing or comes twice."""
    grace_s: Seconds = 6 * 3600
    """A sweep that was due while the bot was down is made up for if it is not later than this."""
    nodes_at_once: int = Field(default=10, ge=1, le=100)
    """Read at once; a node that takes a sixth of `ssh.facts_timeout_s` makes room for another one."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            parse_cron(cron)
        return cron


class LeaseTimes(Section):
    duration_s: int = Field(default=60, ge=3, le=3600)
    renew_s: Seconds = 15

    @model_validator(mode="after")
    def _renewed_in_time(self) -> "LeaseTimes":
        if self.renew_s > self.duration_s / 3:
            raise ValueError(f"renew_s must be at most a third of duration_s ({self.duration_s / 3:g})")
        return self

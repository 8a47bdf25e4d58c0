"""The types of the configuration: every key, its default and the reason for the number (design.md 6).

Pure: reading files, the environment and secrets is `bot/config.py`. Frozen, unknown keys are errors, durations
carry their unit in the name. `config.example.yaml` shows every key; a test compares the two.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from bot.core.model import Mode
from bot.core.settings.access import Http, Ims, Kubernetes, Nodes, Slack, Ssh
from bot.core.settings.conduct import Approval, LeaseTimes, Limits, Pausing, Pool, Sweep
from bot.core.settings.fields import DnsLabel, Seconds, Section
from bot.core.settings.repair import Archive, Canary, Checks, Kata, Restart

__all__ = [
    "Approval",
    "Archive",
    "Canary",
    "Checks",
    "Http",
    "Ims",
    "Kata",
    "Kubernetes",
    "LeaseTimes",
    "Limits",
    "Nodes",
    "Pausing",
    "Pool",
    "Restart",
    "Settings",
    "Slack",
    "Ssh",
    "Sweep",
]


class Settings(Section):
    journal: Path = Path("/var/lib/imsbot/journal.sqlite")
    """SQLite file; its lock and the control socket lie beside it."""
    rules_dir: Path | None = None
    """Unset means the rules that come with the program."""
    plan: Literal["minimal", "documented"] = "minimal"
    """`documented` plans every step of the procedure, in our order."""
    mode: Mode = Mode.OBSERVE
    """`observe` until a site says that it trusts what it sees; the strictest of this, rules and pools wins."""
    pools: dict[DnsLabel, Pool] = Field(default_factory=dict)
    """Named sets of nodes; each can only make the mode of its nodes stricter."""
    sigterm_grace_s: Seconds = 10
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    nodes: Nodes = Field(default_factory=Nodes)
    ssh: Ssh
    kata: Kata = Field(default_factory=Kata)
    canary: Canary
    slack: Slack = Field(default_factory=Slack)
    approval: Approval = Field(default_factory=Approval)
    pause: Pausing = Field(default_factory=Pausing)
    limits: Limits = Field(default_factory=Limits)
    sweep: Sweep = Field(default_factory=Sweep)
    lease: LeaseTimes = Field(default_factory=LeaseTimes)
    restart: Restart = Field(default_factory=Restart)
    ims: Ims | None = None
    """Unset: IMS's own records are left alone."""
    checks: Checks = Field(default_factory=Checks)
    http: Http = Field(default_factory=Http)

"""The types of the configuration: every key, its default and the reason for the number (design.md 6).

Pure: reading files, the environment and secrets is `bot/config.py`. Frozen, unknown keys are errors, durations
carry their unit in the name. `config.example.yaml` shows every key; a test compares the two.
"""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, field_validator, model_validator

from bot.core.cron import parse_cron
from bot.core.model import Mode

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SlackId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,20}$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9][-a-z0-9]{0,62}/[a-z0-9][-a-z0-9.]{0,252}$")]
"""`namespace/name`."""
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
RemotePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/+-]+$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, use_attribute_docstrings=True)


class Kubernetes(Section):
    kubeconfig: Path | None = None
    """Path of a kubeconfig; unset means the pod's own identity in the cluster."""
    context: str | None = None
    """Context in that kubeconfig; unset means its current one."""
    ims_namespaces: tuple[DnsLabel, ...] = Field(default=("ims",), min_length=1)
    """Where IMS runs its jobs (`DEFAULT_IMS_JOB_NAMESPACE` of IMS)."""
    lease_namespace: DnsLabel = "ims-remediation-bot"
    """Where the bot keeps its Leases."""
    watch_timeout_s: Seconds = 240
    """How long the server keeps one watch; the client gives up 30 s later, so a dead connection is noticed."""
    request_timeout_s: Seconds = 30
    """Outer bound of every other API request."""


class Nodes(Section):
    name_pattern: str = r"^ncn-w[0-9]{3}$"
    """Only nodes with such names are ever touched: CSM's workers, never masters or storage."""
    own_node: str | None = None
    """The node this bot runs on (`NODE_NAME` of the pod): it is never repaired by this instance."""
    expected: tuple[DnsLabel, ...] = ()
    """Expected to run Kata whatever their labels say; workers with the label are, and stay so, by themselves."""
    min_ready_workers: int = Field(default=2, ge=0, le=1000)
    """Other ready workers that must be left while one is cordoned."""


class Ssh(Section):
    user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    port: int = Field(default=22, ge=1, le=65535)
    addresses: dict[str, str] = Field(default_factory=dict)
    """Node name -> `host` or `host:port`, where the Node's InternalIP is not the way in."""
    client_key: Path
    """Private key file; the agent and ~/.ssh are never used."""
    known_hosts: Path
    """Pinned host keys, by node name; `@cert-authority` lines are honoured. There is no way to switch this off."""
    connect_timeout_s: Seconds = 15
    keepalive_s: Seconds = 5
    """Three unanswered ones end the connection."""
    facts_timeout_s: Seconds = 30
    command_timeout_s: Seconds = 120
    unpack_timeout_s: Seconds = 900
    unreachable_s: Seconds = 600
    """How long a node may be out of reach in the middle of a repair before the incident is held."""
    max_connects: int = Field(default=4, ge=1, le=64)
    """Connections being opened at once: OpenSSH drops beyond 10 unauthenticated ones."""


class Archive(Section):
    """The Kata release to install: a value of the site and its CSM release, never a literal of ours."""

    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9.+-]*$")
    url: str = Field(pattern=r"^https?://[^@\s]+\.tar\.(xz|zst)$")
    """On a mirror that the nodes reach. Credentials in the URL are refused."""
    sha256: Sha256
    """Upstream publishes none: record it at import."""
    size_bytes: int | None = Field(default=None, gt=0)
    """Of the archive, if known: sharpens the check of free space."""
    ca_file: RemotePath | None = None
    """CA bundle on the node for the mirror; unset means the node's own trust store."""

    @field_validator("url")
    @classmethod
    def _no_credentials(cls, url: str) -> str:
        if "@" in url.split("/")[2]:
            raise ValueError("must not hold credentials; let the mirror allow the nodes by address")
        return url


class Kata(Section):
    archive: Archive | None = None
    """Unset: a node that needs an installation gets a diagnosis, all else works."""
    enable_annotations: tuple[str, ...] = (
        "enable_iommu",
        "virtio_fs_extra_args",
        "default_memory",
        "kernel_params",
        "cpu_features",
    )
    """What CSM's own image sets (domain.md 2.2); missing ones are added, others kept."""
    file_mem_backend: RemotePath | None = "/var/lib/kata"
    """Where QEMU backs guest memory; unset leaves the node's value alone (CASMCMS-8820)."""
    runtime_class: DnsLabel = "kata-qemu"
    overhead: dict[str, str] = Field(default_factory=lambda: {"memory": "160Mi", "cpu": "250m"})
    """Of the RuntimeClass; CSM's values, not to be tuned here."""
    min_free_bytes: int = Field(default=4 * 1024**3, gt=0)
    """Free space wanted where the archive is staged and unpacked."""
    min_free_inodes: int = Field(default=20_000, gt=0)


class Canary(Section):
    namespace: DnsLabel = "ims"
    image: str = Field(min_length=1, pattern=r"^[^\s]+$")
    """An image that the site's registry has and its policies admit, with /bin/sh and uname."""
    image_pull_policy: Literal["IfNotPresent", "Never", "Always"] = "IfNotPresent"
    cpu: str = "100m"
    memory: str = "256Mi"
    timeout_s: Seconds = 180
    rescued_timeout_s: Seconds = 120
    """How long a hanging pod may take to start by itself after the repair (kubelet retries every 10 to 25 s)."""
    admitted_timeout_s: Seconds = 420
    """How long a job may take to get its pod once the RuntimeClass is there (old Job controllers wait 6 min)."""
    quiet_window_s: Seconds = 60
    """The same failure must stay away this long after the proof."""


class Slack(Section):
    enabled: bool = True
    channel: SlackId | None = None
    """Channel id (C…), not its name."""
    approvers: tuple[SlackId, ...] = ()
    """User ids that may answer. Empty means nobody."""
    team: SlackId | None = None
    """Team id of the approvers; a click from another workspace is refused."""
    app_token_file: Path | None = None
    bot_token_file: Path | None = None
    """Else `IMSBOT_SLACK_APP_TOKEN` and `IMSBOT_SLACK_BOT_TOKEN`. Tokens are never keys of this file."""
    api_url: str = Field(default="https://slack.com/api/", pattern=r"^https?://\S+/$")
    edit_interval_s: Seconds = 3
    """At most one edit per card in this time; the latest state wins."""
    edits_per_minute: int = Field(default=40, ge=1, le=50)
    """In all: chat.update is limited to about 50 per minute."""


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


class Restart(Section):
    rollback_s: Seconds = 180
    """The node restores its old configuration by itself after this time unless the bot disarms it."""
    healthy_s: Seconds = 60
    """How long containerd may take to be active with its CRI plugin up."""
    reconnect: tuple[ObjectName, ...] = ("services/sonar-jobs-watcher",)
    """DaemonSets that mount containerd's socket file: rolled anew where a restart has left them a dead one."""
    settle_s: Seconds = 300
    """How long the node's DaemonSet pods may take to be Ready again; a rollout goes from node to node."""


class Ims(Section):
    """The API of IMS, for closing the records of jobs that are lost."""

    url: str = Field(pattern=r"^https?://[^@\s]+$")
    """To which `/jobs/ID` is added: the gateway's `https://api-gw-service-nmn.local/apis/ims/v3`."""
    token_url: str | None = Field(default=None, pattern=r"^https?://[^@\s]+$")
    """Keycloak's; unset where IMS is reached inside the mesh, which asks for no token."""
    client_id: str = "admin-client"
    client_secret_file: Path | None = None
    """The `client-secret` of CSM's Secret `admin-client-auth`, or of a client of its own."""
    ca_file: Path | None = None
    """The platform's CA; unset means the system's trust store."""
    timeout_s: Seconds = 30

    @model_validator(mode="after")
    def _with_secret(self) -> "Ims":
        if (self.token_url is None) != (self.client_secret_file is None):
            raise ValueError("token_url and client_secret_file are set together, or neither")
        return self


class Checks(Section):
    waive: dict[Literal["kvm", "vsock", "guest-kernel", "space", "tools-rpm"], str] = Field(default_factory=dict)
    """Check -> reason. A waived check is shown on every card as "not checked"."""

    @field_validator("waive")
    @classmethod
    def _with_reason(cls, waive: dict[str, str]) -> dict[str, str]:
        for name, reason in waive.items():
            if not reason.strip():
                raise ValueError(f"{name}: a reason text is needed; it is shown on every card")
        return waive


class Pool(Section):
    """A named set of nodes with a mode of its own."""

    nodes: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = Field(min_length=1)
    """Names, or patterns as a shell has them: `ncn-w00[3-9]`, `*`."""
    mode: Mode


class Http(Section):
    """`/metrics`, `/healthz` and `/readyz`, for whoever can reach them: off unless a port is given."""

    address: IPvAnyAddress = IPv4Address("127.0.0.1")
    """Where to listen; every address (`0.0.0.0`) in a pod, behind a NetworkPolicy."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Unset: nothing listens."""


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

"""How the program reaches the world, and is reached: API server, nodes, Slack, IMS, its own HTTP port."""

from ipaddress import IPv4Address
from pathlib import Path

from pydantic import Field, IPvAnyAddress, model_validator

from bot.core.settings.fields import DnsLabel, Seconds, Section, SlackId


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


class Http(Section):
    """`/metrics`, `/healthz` and `/readyz`, for whoever can reach them: off unless a port is given."""

    address: IPvAnyAddress = IPv4Address("127.0.0.1")
    """Where to listen; every address (`0.0.0.0`) in a pod, behind a NetworkPolicy."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Unset: nothing listens."""

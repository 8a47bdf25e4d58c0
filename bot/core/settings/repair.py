"""What is put onto a node, and how it is proven there."""

from typing import Literal

from pydantic import Field, field_validator

from bot.core.settings.fields import DnsLabel, ObjectName, RemotePath, Seconds, Section, Sha256


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

    @field_validator("sha256")
    @classmethod
    def _recorded(cls, sha256: str) -> str:
        """Whoever copied the example and went on would have installations approved that can only fail."""
        if not sha256.strip("0"):
            raise ValueError("is a placeholder; record the archive's own when you import it")
        return sha256


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


class Restart(Section):
    rollback_s: Seconds = 180
    """The node restores its old configuration by itself after this time unless the bot disarms it."""
    healthy_s: Seconds = 60
    """How long containerd may take to be active with its CRI plugin up."""
    reconnect: tuple[ObjectName, ...] = ("services/sonar-jobs-watcher",)
    """DaemonSets that mount containerd's socket file: rolled anew where a restart has left them a dead one."""
    settle_s: Seconds = 300
    """How long the node's DaemonSet pods may take to be Ready again; a rollout goes from node to node."""


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

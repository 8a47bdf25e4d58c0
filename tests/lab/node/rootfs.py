"""A worker's disk: one Debian root for all of them, built once, and an overlay per worker.

The root is keyed by what it is made of. What containerd and the kubelet write lies in plain folders: over an
overlay the kubelet's eviction manager fails for ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import building
from tests.lab.host import call

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "procps", "less", "util-linux", "mount"),
    *("containerd", "runc", "containernetworking-plugins", "iproute2", "iptables", "kmod", "conntrack"),
    *("curl", "ca-certificates", "xz-utils", "zstd"),
    *("python3", "rpm"),  # real NCNs have them, and the bot asks both
    "busybox-static",  # the one layer of the lab's images
)
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("console-getty.service", "getty.target", "systemd-logind.service", "logrotate.timer"),
    *("man-db.timer", "e2scrub_reap.service", "systemd-pstore.service", "systemd-udev-trigger.service"),
)
_PLAIN = ("/var/lib/containerd", "/var/lib/kubelet")


async def debian_root(cache: Path) -> Path:
    """The root of all workers, made when it is not in `cache` (about a minute). Raises LabError."""
    key = hashlib.sha256("\n".join((SUITE, *PACKAGES, *_MASKED)).encode()).hexdigest()[:16]
    place = cache / f"debian-{key}"
    with building(place) as root:
        if root is not None:
            packages = ",".join(PACKAGES)
            await call("mmdebstrap", "--variant=minbase", f"--include={packages}", SUITE, str(root))
            _make_impersonal(root)
    return place


def _make_impersonal(root: Path) -> None:
    """Take away what one machine must not share with another, and what only disturbs in a container."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for unit in _MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    for wanted in (root / "etc/systemd/system").glob("*.wants/*"):
        if wanted.name in _MASKED:
            wanted.unlink()


@dataclass(frozen=True, slots=True)
class Disk:
    """Of one worker, in `directory`."""

    directory: Path

    @property
    def root(self) -> Path:
        """The worker's `/`, seen from the host, while it is mounted."""
        return self.directory / "root"

    @property
    def plain(self) -> dict[str, Path]:
        """Path in the worker -> folder of the host that is bound there."""
        return {inside: self.directory / Path(inside).name for inside in _PLAIN}

    def host_path(self, inside: str) -> Path:
        """Where a file of the worker lies on the host; no link in it is followed."""
        for mount, folder in self.plain.items():
            if inside == mount or inside.startswith(f"{mount}/"):
                return folder / inside.removeprefix(mount).lstrip("/")
        return self.root / inside.lstrip("/")

    async def mount(self, *layers: Path) -> None:
        """What the worker writes above the common `layers`, the topmost first. Must not be mounted."""
        upper, work = self.directory / "upper", self.directory / "work"
        for folder in (self.root, upper, work, *self.plain.values()):
            folder.mkdir(parents=True, exist_ok=True)
        lower = ":".join(str(layer) for layer in layers)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        await call("mount", "-t", "overlay", "imslab", "-o", options, str(self.root))

    async def unmount(self) -> None:
        """Nothing when it is not mounted."""
        while self.root.is_mount():
            await call("umount", str(self.root))

"""What a usual host grants its root and is too little for a lab."""

from __future__ import annotations

from pathlib import Path

_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_NEEDED = 1024


def raise_limits() -> None:
    """Let more than eight workers be on. The host keeps the new value until it is rebooted.

    A worker's systemd, kubelet and containerd hold about fifteen inotify instances, and usual hosts grant 128 to a
    user: the next systemd dies with `Failed to allocate manager object`.
    """
    if int(_INOTIFY.read_text()) < _NEEDED:
        _INOTIFY.write_text(str(_NEEDED))

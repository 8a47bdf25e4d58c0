"""What the bot is given in the sandbox: its configuration with times shortened, and the secrets beside it.

Every value that differs from `config.example.yaml` for the sake of speed is in `SHORTENED`, so that a demo can say
it; what a simulated machine cannot have is waived with a reason, as a site would do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.mirror import Archive
from tests.sandbox.slack import APPROVER, SECOND_APPROVER
from tests.sandbox.slack.people import REPAIRS, TEAM_ID
from tests.sandbox.whole.access import LEASE_NAMESPACE

WAIVED = {
    "kvm": "a simulated worker has no /dev/kvm",
    "vsock": "a simulated worker has no /dev/vhost-vsock",
    "space": "a simulated worker shares its host's disk; the sandbox's archive is small",
}
"""Check -> reason."""

SHORTENED: Mapping[str, Mapping[str, float]] = {
    "canary": {"quiet_window_s": 3, "timeout_s": 60, "rescued_timeout_s": 45},
    "limits": {"stuck_after_s": 10},
    "restart": {"rollback_s": 60, "healthy_s": 30, "settle_s": 45},
    "lease": {"duration_s": 9, "renew_s": 2},
    "ssh": {"keepalive_s": 2, "facts_timeout_s": 30, "unreachable_s": 90},
    "slack": {"edit_interval_s": 1},
}
"""Section -> key -> seconds."""


def write_config(
    folder: Path,
    *,
    kubeconfig: Path,
    client_key: Path,
    known_hosts: Path,
    user: str,
    addresses: Mapping[str, str],
    archive: Archive,
    archive_url: str,
    slack_url: str,
    tokens: tuple[str, str],
    changes: Mapping[str, Any],
) -> Path:
    """Write `config.yaml` and the token files (app, bot). `changes` are laid over it, sections key by key."""
    app_token, bot_token = (folder / name for name in ("slack-app-token", "slack-bot-token"))
    for path, token in zip((app_token, bot_token), tokens, strict=True):
        path.touch(mode=0o600)
        path.write_text(f"{token}\n")
    document: dict[str, Any] = {
        "mode": "approve",
        "journal": str(folder / "state/journal.sqlite"),
        "kubernetes": {"kubeconfig": str(kubeconfig), "lease_namespace": LEASE_NAMESPACE},
        "nodes": {},
        "ssh": {
            "user": user,
            "client_key": str(client_key),
            "known_hosts": str(known_hosts),
            "addresses": dict(addresses),
        },
        "kata": {
            "archive": {
                "version": archive.version,
                "url": archive_url,
                "sha256": archive.sha256,
                "size_bytes": archive.size_bytes,
            },
        },
        "canary": {"image": "registry.local/cray-ims-utils:stable"},
        "slack": {
            "channel": REPAIRS.id,
            "approvers": [APPROVER.id, SECOND_APPROVER.id],
            "team": TEAM_ID,
            "app_token_file": str(app_token),
            "bot_token_file": str(bot_token),
            "api_url": slack_url,
        },
        "checks": {"waive": dict(WAIVED)},
    }
    for more in (SHORTENED, changes):
        for key, value in more.items():
            document[key] = {**document.get(key, {}), **value} if isinstance(value, Mapping) else value
    (folder / "state").mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path

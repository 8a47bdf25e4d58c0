"""Lease objects on the API server: their names, their times, and requests for them in one namespace."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.manifests import MANAGED_BY
from bot.adapters.kube.resources import LEASES
from bot.core.model import Target
from bot.core.objects import Lease, RawObject

TARGET_ANNOTATION: Final = "ims-remediation-bot/target"
"""The target's name for people, because a Node's Lease is named after its uid."""

MAX_NAME_CHARS: Final = 200


class LeaseStore:
    """`timeout_s` bounds each change: a renewal that takes longer comes too late."""

    def __init__(self, api: ApiClient, namespace: str, *, timeout_s: float) -> None:
        self._api = api
        self._namespace = namespace
        self._timeout_s = timeout_s

    async def find(self, name: str) -> Lease | None:
        return await self._api.find(LEASES, name, self._namespace)

    async def create(self, target: Target, spec: RawObject) -> Lease:
        """Raises AlreadyExistsError (a ConflictError)."""
        body: RawObject = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": lease_name(target),
                "labels": MANAGED_BY,
                "annotations": {TARGET_ANNOTATION: f"{target.kind} {target.name}"},
            },
            "spec": spec,
        }
        return await self._api.create(LEASES, body, self._namespace)

    async def patch(self, name: str, version: str, spec: RawObject) -> Lease:
        """Change these fields of the spec. Raises ConflictError when the Lease is not as it was in `version`."""
        body: RawObject = {"metadata": {"resourceVersion": version}, "spec": spec}
        return await self._api.patch(LEASES, name, body, self._namespace, timeout_s=self._timeout_s)


def lease_name(target: Target) -> str:
    """A DNS name (RFC 1123) for the target; where something had to be replaced or cut, a hash tells it apart."""
    wanted = f"imsbot-{target.fingerprint}".replace(":", "-")
    name = re.sub(r"[^a-z0-9.-]", "-", wanted.lower())
    if name == wanted and len(name) <= MAX_NAME_CHARS and name[-1].isalnum():
        return name
    digest = hashlib.sha256(target.fingerprint.encode()).hexdigest()[:12]
    return f"{name[:MAX_NAME_CHARS].rstrip('.-')}-{digest}"


def micro_time(moment: datetime) -> str:
    """metav1.MicroTime: UTC with six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

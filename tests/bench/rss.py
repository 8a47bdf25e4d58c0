"""How much memory `imsbot run` holds: the real process against the stand-in, with Slack, a minute after connect.

Once with an empty namespace and once with ten thousand pods of IMS jobs in it, all of them in the watch's cache.
Resident means VmRSS of the one process; shared libraries count in full.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.report import ResidentMib
from tests.sandbox.api import NODES, PODS, KubeObject
from tests.sandbox.api.clock import render_time
from tests.sandbox.controllers import IMS_NAMESPACE, KATA_LABEL, ims_job, worker_node
from tests.sandbox.whole import Sandbox

PODS_MANY = 10_000
SETTLED_S = 60.0
_WORKERS = 30
_EPOCH = 1_795_000_000
_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]
"""What admission adds to every pod."""


async def measure(folder: Path, *, pods: int = PODS_MANY, settled_s: float = SETTLED_S) -> ResidentMib:
    return ResidentMib(
        idle=await _resident_mib(folder / "idle", 0, settled_s),
        ten_thousand_pods=await _resident_mib(folder / "pods", pods, settled_s),
    )


async def _resident_mib(folder: Path, pods: int, settled_s: float) -> float:
    async with Sandbox(folder, {}) as sandbox:
        for number in range(_WORKERS):
            sandbox.registry.create(NODES, worker_node(f"ncn-w{number:03}"))
        for number in range(pods):
            pod = ims_pod(number)
            created = sandbox.registry.create(PODS, pod, IMS_NAMESPACE)
            sandbox.registry.update_status(PODS, created, pod["status"])
        await sandbox.bot.start()
        await asyncio.sleep(settled_s)
        return round(sandbox.bot.resident_mib(), 1)


def ims_pod(number: int) -> KubeObject:
    """A pod as IMS's Job makes it, that has been running since a second of its own: nothing is wrong with it."""
    job = ims_job("customize", f"6f9a2c1e-3b7d-4e0a-9c55-{number:012x}")
    template, name = job["spec"]["template"], job["metadata"]["name"]
    labels = {**template["metadata"]["labels"], "job-name": name}
    spec = {
        **template["spec"],
        "nodeName": f"ncn-w{number % _WORKERS:03}",
        "nodeSelector": {KATA_LABEL: "true"},
        "tolerations": _TOLERATIONS,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "labels": labels, "name": f"{name}-{number:05x}"},
        "spec": spec,
        "status": _status(spec, datetime.fromtimestamp(_EPOCH + number, UTC)),
    }


def _status(spec: KubeObject, since: datetime) -> KubeObject:
    at = render_time(since)
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}}
    running = {"running": {"startedAt": at}}
    return {
        "phase": "Running",
        "startTime": at,
        "podIP": "10.32.0.17",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": at}
            for kind in conditions
        ],
        "initContainerStatuses": [_container(each["name"], ended) for each in spec["initContainers"]],
        "containerStatuses": [_container(each["name"], running) for each in spec["containers"]],
    }


def _container(name: str, state: KubeObject) -> KubeObject:
    return {"name": name, "state": state, "lastState": {}, "ready": True, "restartCount": 0}

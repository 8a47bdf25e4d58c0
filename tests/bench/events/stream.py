"""The stream that all three read alike: an API server whose one watch of Events is prepared beforehand.

Events are created through the stand-in's own registry, so that they have the shape that a server gives them, and
carry the `managedFields` that a real one adds (half of each line). Their words are what the namespace of IMS is
full of on a usual day, every text with names and ids of its own, so that remembering texts helps nobody. One in a
hundred is the failure that the bot looks for, about a pod that hangs on a known worker.

Each line is a chunk of its own, as the API server flushes them. Nothing is computed while the clock runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from aiohttp import web

from tests.sandbox.api import EVENTS, NODES, PODS, RUNTIMECLASSES, ApiServer, Call, KubeObject, Registry, bind
from tests.sandbox.api.paths import Target
from tests.sandbox.controllers import IMS_NAMESPACE, ims_job, install_ims, kata_runtimeclass, worker_node

MATCH_EVERY = 100
NODE = "ncn-w001"
HANGING = 5
"""Pods that the matching Events are about, in turn."""

_HANDLER = (
    "FailedCreatePodSandBox",
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "
    '"kata-qemu" is configured',
)
_USUAL = (
    ("BackOff", "Back-off restarting failed container sshd in pod {pod}_ims({uid})"),
    ("Unhealthy", 'Readiness probe failed: Get "http://10.32.{a}.{b}:9100/health": context deadline exceeded'),
    ("Failed", "Error: ImagePullBackOff"),
    (
        "Failed",
        'Failed to pull image "registry.local/cray/cray-ims-utils:{a}.{b}": rpc error: code = NotFound desc = '
        'failed to pull and unpack image "registry.local/cray/cray-ims-utils:{a}.{b}": not found',
    ),
    ("FailedMount", 'MountVolume.SetUp failed for volume "recipe-{uid}" : configmap "{pod}-recipe" not found'),
    (
        "FailedScheduling",
        "0/{a} nodes are available: 3 node(s) had untolerated taint {{node-role.kubernetes.io/control-plane: }}, "
        "{b} Insufficient memory. preemption: 0/{a} nodes are available: {b} No preemption victims found.",
    ),
    (
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
        '"{sandbox}": plugin type="multus" name="multus-cni-network" failed (add): [{pod}/{uid}:weave]: error '
        'adding container to network "weave": unable to allocate IP address',
    ),
    (
        "FailedKillPod",
        'error killing pod: failed to "KillPodSandbox" for "{uid}" with KillPodSandboxError: timeout',
    ),
)
_AT = "2026-11-23T18:51:50Z"
_FIELDS = (
    *("f:count", "f:firstTimestamp", "f:involvedObject", "f:lastTimestamp", "f:message", "f:reason"),
    *("f:reportingComponent", "f:reportingInstance", "f:type"),
)
_MANAGED = [
    {
        "manager": "kubelet",
        "operation": "Update",
        "apiVersion": "v1",
        "time": _AT,
        "fieldsType": "FieldsV1",
        "fieldsV1": {**{name: {} for name in _FIELDS}, "f:source": {"f:component": {}, "f:host": {}}},
    }
]
"""The stand-in stores none; real servers send them with every object, unasked."""


class StreamServer(ApiServer):
    """Answers everything as the stand-in does, but the first watch of Events after each `arm`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.began = 0.0
        """Monotonic seconds, the same clock in every process of this machine: when the stream was opened."""
        self._armed = False
        pods = _fill(self.registry)
        self._lines = tuple(_lines(pods, count))

    def arm(self) -> None:
        self._armed = True

    async def _watch(self, request: web.Request, target: Target, call: Call) -> web.StreamResponse:
        if target.resource is not EVENTS or not self._armed:
            return await super()._watch(request, target, call)
        self._armed = False
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.began = time.monotonic()
        for line in self._lines:
            await response.write(line)
        await self._closing.wait()  # the client ends it
        return response


async def serve(count: int, folder: Path) -> tuple[StreamServer, Path]:
    """A listening server and a kubeconfig for it."""
    server = StreamServer(count)
    await server.start()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    return server, server.kubeconfig(folder / "kubeconfig")


def _fill(registry: Registry) -> list[KubeObject]:
    """The live objects that the matching Events speak of: pods that wait on one worker."""
    install_ims(registry)
    registry.create(NODES, worker_node(NODE))
    registry.create(RUNTIMECLASSES, kata_runtimeclass())
    pods = []
    for number in range(HANGING):
        template = ims_job("create", f"6f9a2c1e-3b7d-4e0a-9c55-{number:012x}")
        name = f"{template['metadata']['name']}-{number:05x}"
        pod = {**template["spec"]["template"], "apiVersion": "v1", "kind": "Pod"}
        pod["metadata"] = {**pod["metadata"], "name": name}
        registry.create(PODS, pod, IMS_NAMESPACE)
        bind(registry, IMS_NAMESPACE, name, NODE)
        pods.append(registry.get(PODS, name, IMS_NAMESPACE))
    return pods


def _lines(pods: list[KubeObject], count: int) -> Iterator[bytes]:
    """Created in a registry of their own: a client's list of Events is empty, and the watch tells them all."""
    registry = Registry()
    install_ims(registry)
    for number in range(count):
        matching = number % MATCH_EVERY == MATCH_EVERY - 1
        about = pods[number // MATCH_EVERY % HANGING] if matching else _somebody(number)
        reason, words = _HANDLER if matching else _USUAL[number % len(_USUAL)]
        event = registry.create(EVENTS, _event(number, about["metadata"], reason, words), IMS_NAMESPACE)
        whole = {**event, "metadata": {**event["metadata"], "managedFields": _MANAGED}}
        yield msgspec.json.encode({"type": "ADDED", "object": whole}) + b"\n"


def _somebody(number: int) -> KubeObject:
    name = f"cray-ims-{number:08x}-3b7d-4e0a-9c55-0d1f2a3b4c01-customize-{number:05x}"
    return {"metadata": {"name": name, "uid": f"88875349-3c98-4cf3-a976-{number:012x}"}}


def _event(number: int, about: KubeObject, reason: str, words: str) -> KubeObject:
    name, uid = about["name"], about["uid"]
    return {
        "metadata": {"name": f"{name}.{number:016x}"},
        "involvedObject": {
            "kind": "Pod",
            "namespace": IMS_NAMESPACE,
            "name": name,
            "uid": uid,
            "apiVersion": "v1",
        },
        "reason": reason,
        "message": words.format(
            pod=name, uid=uid, sandbox=f"{number:08x}" * 8, a=number % 250 + 1, b=number // 250 + 1
        ),
        "source": {"component": "kubelet", "host": NODE},
        "firstTimestamp": _AT,
        "lastTimestamp": _AT,
        "count": 1,
        "type": "Warning",
        "reportingComponent": "kubelet",
        "reportingInstance": NODE,
    }

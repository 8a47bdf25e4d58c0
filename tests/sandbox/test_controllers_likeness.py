"""The simulated cluster against a real one: the same story, told in objects of the same shape.

`real_shapes.json` holds objects that Kubernetes 1.36 sent while a customize job met a missing RuntimeClass, a
missing label and a missing handler, and then ran. Here the simulation lives through the same, and each of its
objects must have every field of the real one, no other, with values of the same types.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.api import EVENTS, JOBS, NODES, PODS, RUNTIMECLASSES, ApiServer, KubeObject, Resource
from tests.sandbox.api.client import ApiClient
from tests.sandbox.controllers import (
    KATA_LABEL,
    Cluster,
    Timing,
    install_ims,
    kata_runtimeclass,
    worker_node,
)
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.controllers.scripted import ScriptedRuntime, eventually

REAL: dict[str, KubeObject] = json.loads(Path(__file__).with_name("real_shapes.json").read_text())
# Fields that 1.36 sends and no CSM release (1.32 at most) or no part of the bot has to do with.
# `serviceAccountName`: the recorded API server ran without the ServiceAccount plugin.
NOT_SIMULATED = (
    "serviceAccountName",
    "allocatedResources",
    "resources",
    "declaredFeatures",
    "daemonEndpoints",
    "volumes",
    "volumeMounts",
)
# Maps whose keys are data, not fields.
DATA_MAPS = (
    "labels",
    "annotations",
    "capacity",
    "allocatable",
    "nodeSelector",
    "matchLabels",
    "overhead",
    "podFixed",
)
QUICK = Timing(sandbox_retry_s=0.03, init_s=0.01, run_s=0.05, stop_s=0.01, poll_s=0.02)
JOB = "cray-ims-6f9a2c1e-3b7d-4e0a-9c55-0d1f2a3b4c01-customize"
NO_HANDLER = (
    'rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
)


def shape(value: Any, path: str = "") -> Iterator[str]:
    """Every field path with the type of its value; the items of a list are one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in NOT_SIMULATED:
                continue
            if key in DATA_MAPS:
                yield f"{path}.{key}: map"
            else:
                yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield f"{path}: list"
        for inner in value:
            yield from shape(inner, f"{path}[]")
    else:
        yield f"{path}: {type(value).__name__}"


class Story:
    """The objects that the simulated cluster had, by moment."""

    def __init__(self, server: ApiServer) -> None:
        self._store = server.registry.store

    def first(self, resource: Resource, found: Callable[[KubeObject], object]) -> KubeObject:
        """The earliest state that `found` accepts."""
        return next(c.obj for c in self._store.changes_since(resource, 0) if found(c.obj))

    def event(self, reason: str) -> KubeObject:
        return self.first(EVENTS, lambda event: event["reason"] == reason)


@pytest.fixture(scope="module")
def story() -> Story:
    return asyncio.run(live())


def recorded_job() -> KubeObject:
    """The recorded Job as it was first sent: without what the server added."""
    job = copy.deepcopy(REAL["job refused"])
    del job["spec"]["selector"], job["status"]
    job["metadata"] = {"name": job["metadata"]["name"], "labels": job["metadata"]["labels"]}
    labels = job["spec"]["template"]["metadata"]["labels"]
    for key in [key for key in labels if "controller-uid" in key or "job-name" in key]:
        del labels[key]
    return job


async def live() -> Story:
    server, runtime = ApiServer(tls=False), ScriptedRuntime({"kata-qemu": NO_HANDLER})
    registry = server.registry
    install_ims(registry)
    registry.create(NODES, worker_node("ncn-w001", kata_label=False))

    def told(reason: str) -> bool:
        return any(event["reason"] == reason for event in registry.list(EVENTS))

    async with Cluster(server, {"ncn-w001": runtime}, timing=QUICK, job_backoff_base_s=0.03):
        registry.create(JOBS, recorded_job(), "ims")
        await eventually(registry.store, lambda: told("FailedCreate"))
        registry.create(RUNTIMECLASSES, kata_runtimeclass())
        await eventually(registry.store, lambda: told("FailedScheduling"))
        registry.patch(NODES, "ncn-w001", {"metadata": {"labels": {KATA_LABEL: "true"}}})
        await eventually(registry.store, lambda: told("FailedCreatePodSandBox"))
        runtime.broken.clear()
        await eventually(registry.store, lambda: holds(registry.get(JOBS, JOB, "ims"), "Complete"))
    return Story(server)


def _conditions(obj: KubeObject) -> object:
    return obj["status"].get("conditions")


MOMENTS: dict[str, tuple[Resource, Callable[[KubeObject], object]]] = {
    "pod new": (PODS, lambda _: True),
    "pod unschedulable": (PODS, _conditions),
    "pod without sandbox": (PODS, lambda pod: pod["status"].get("containerStatuses")),
    "pod running": (PODS, lambda pod: pod["status"]["phase"] == "Running"),
    "pod succeeded": (PODS, lambda pod: pod["status"]["phase"] == "Succeeded"),
    "job refused": (JOBS, lambda job: "startTime" in job["status"] and "active" not in job["status"]),
    "job active": (JOBS, lambda job: "active" in job["status"]),
    "job complete": (JOBS, lambda job: "succeeded" in job["status"]),
    "node": (NODES, _conditions),
    "runtimeclass": (RUNTIMECLASSES, lambda _: True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_objects_have_the_fields_of_real_ones(story: Story, moment: str) -> None:
    resource, found = MOMENTS[moment]
    assert sorted(set(shape(REAL[moment]))) == sorted(set(shape(story.first(resource, found))))


REASONS = [name.removeprefix("event ") for name in REAL if name.startswith("event ")]


@pytest.mark.parametrize("reason", REASONS)
def test_events_are_those_of_real_components(story: Story, reason: str) -> None:
    real, ours = REAL[f"event {reason}"], story.event(reason)
    assert sorted(set(shape(real))) == sorted(set(shape(ours)))
    same = ("reason", "type", "reportingComponent", "action")
    assert {key: real.get(key) for key in same} == {key: ours.get(key) for key in same}


@pytest.mark.parametrize("reason", ["FailedCreate", "FailedScheduling", "FailedCreatePodSandBox", "Completed"])
def test_messages_are_those_of_real_components(story: Story, reason: str) -> None:
    assert REAL[f"event {reason}"]["message"] == story.event(reason)["message"]


def test_conditions_of_a_hanging_pod_say_what_real_ones_say(story: Story) -> None:
    resource, found = MOMENTS["pod without sandbox"]
    kept = ("type", "status", "reason")
    real, ours = (
        sorted(tuple(condition.get(key) for key in kept) for condition in pod["status"]["conditions"])
        for pod in (REAL["pod without sandbox"], story.first(resource, found))
    )
    assert real == ours


@pytest.mark.parametrize(
    ("plural", "path"),
    [
        ("pods", "/api/v1/pods"),
        ("nodes", "/api/v1/nodes"),
        ("jobs", "/apis/batch/v1/jobs"),
        ("runtimeclasses", "/apis/node.k8s.io/v1/runtimeclasses"),
    ],
)
async def test_bookmarks_have_the_fields_of_real_ones(plural: str, path: str) -> None:
    server = ApiServer(tls=False, bookmark_interval_s=0.01)
    await server.start()
    async with ApiClient(server) as client, client.watch(path, allowWatchBookmarks="true") as lines:
        kind, bookmark = "", {}
        while kind != "BOOKMARK":
            kind, bookmark = await lines.next()
    await server.stop()
    assert sorted(shape(REAL[f"bookmark {plural}"])) == sorted(shape(bookmark))

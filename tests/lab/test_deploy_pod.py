"""The Deployment of `deploy/` as a running pod: on a real kubelet, with its service account, Secrets and volume.

A worker plays the master that the bot runs on. What a site's overlay would say is laid over the manifests: the
configuration, the API server's address (the lab has no kube-proxy), and a volume for the journal.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bot.adapters.kube.resources import NODES, PODS
from tests.deploy.manifests import DEPLOY, all_objects, find
from tests.lab.admin import until
from tests.lab.applying import Object, Server
from tests.lab.bot_image import NOBODY, write_bot_image
from tests.lab.host import call
from tests.lab.kata.jobs import JOB_IMAGE, kata_job
from tests.lab.kata.states import put
from tests.lab.node import Worker
from tests.lab.story import WAIVED, Story
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.nodes.state import HEALTHY, WITHOUT_HANDLER
from tests.sandbox.slack import APPROVER
from tests.sandbox.slack.people import REPAIRS, TEAM_ID
from tests.sandbox.whole.access import LEASE_NAMESPACE
from tests.sandbox.whole.configuration import SHORTENED

BROKEN, READY, MASTER = "ncn-w001", "ncn-w002", "ncn-w003"
ROLE = "node-role.kubernetes.io/control-plane"
JOURNAL = "/var/lib/imsbot-journal"
_IMAGES = "/var/lib/containerd/of-the-bot"
"""A folder that goes with the master's disk."""
_RUNNING_S, _GONE_S = 120, 60


class BotPod:
    """The bot as people with `kubectl` see it."""

    def __init__(self, story: Story, master: Worker) -> None:
        self._story = story
        self._master = master

    async def ready(self, unlike: str = "") -> Object:
        """The pod as soon as it is Ready; `unlike` is the uid of one that it must not be. Raises TimeoutError."""

        async def look() -> Object | None:
            pods = await self._pods()
            return next((p for p in pods if p["metadata"]["uid"] != unlike and holds(p, "Ready")), None)

        try:
            return await until(look, _RUNNING_S)
        except TimeoutError:
            raise TimeoutError(f"{json.dumps(await self._pods())[-3000:]}\n{await self.log()}") from None

    async def gone(self) -> None:
        async def look() -> bool:
            return not await self._pods()

        await until(look, _GONE_S)

    async def imsbot(self, *arguments: str) -> str:
        """`kubectl exec deploy/imsbot -- imsbot ...`; its standard output."""
        (pod,) = await self._pods()
        (container,) = pod["status"]["containerStatuses"]
        name = container["containerID"].removeprefix("containerd://")
        command = f"ctr -n k8s.io tasks exec --exec-id by-hand {name} imsbot {' '.join(arguments)}"
        return await self._master.run(f"{command} --config /etc/imsbot/config.yaml")

    async def log(self) -> str:
        return await self._master.run("cat /var/log/pods/*_imsbot-*/imsbot/*.log 2>/dev/null || true")

    async def _pods(self) -> list[Object]:
        return [
            pod
            for pod in await self._story.admin.list(PODS, LEASE_NAMESPACE)
            if pod["metadata"]["labels"].get("app.kubernetes.io/name") == "ims-remediation-bot"
        ]


@pytest.fixture
async def bot_pod(story: Story, server: Server) -> AsyncIterator[BotPod]:
    """Ready; one worker is without handler, one is ready for Kata, the third plays the master."""
    lab = story.lab
    master = lab.workers[MASTER]
    for name, state in ((BROKEN, WITHOUT_HANDLER), (READY, HEALTHY)):
        await put(lab.workers[name], state, story.contents)
    await story.label(BROKEN, READY)
    await story.create_runtime_class()
    await _make_master(story, master)
    objects = await _objects(story)
    image = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    archive = await write_bot_image(lab.base, master.host_path(_IMAGES), image)
    await master.run(f"ctr -n k8s.io images import --no-unpack {_IMAGES}/{archive.name}")
    async with _applied(server, objects):
        pod = BotPod(story, master)
        await pod.ready()
        yield pod
        await server.delete(find(objects, "Deployment"))
        await pod.gone()


async def _make_master(story: Story, master: Worker) -> None:
    """Its label and taint, a folder for the journal, and ways between its pods and the rest of the lab."""
    await story.admin.patch(NODES, MASTER, {"metadata": {"labels": {ROLE: ""}}})
    await story.admin.patch(NODES, MASTER, {"spec": {"taints": [{"key": ROLE, "effect": "NoSchedule"}]}})
    await master.run(f"install -d -m 0755 {JOURNAL}")
    way = ("ip", "route", "replace", master.pods, "via", master.address)
    await call(*way)  # gone with the lab's bridge
    for worker in story.lab.workers.values():
        if worker is not master:
            await worker.run(" ".join(way))


@asynccontextmanager
async def _applied(server: Server, objects: list[Object]) -> AsyncIterator[None]:
    """The namespace and the rights are there, and outlive this."""
    try:
        for obj in objects:
            status, warnings, said = await server.apply(obj)
            assert (True, []) == (status in {200, 201}, warnings), said.get("message")
        yield
    finally:
        for obj in reversed(objects):
            await server.delete(obj)


async def _objects(story: Story) -> list[Object]:
    """`deploy/` with a site's overlay and its Secrets."""
    rights = {"Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    objects = [copy.deepcopy(obj) for obj in all_objects() if obj["kind"] not in rights]
    find(objects, "ConfigMap", "imsbot-config")["data"]["config.yaml"] = yaml.safe_dump(await _config(story))
    (container,) = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    api = urlsplit(story.lab.plane.server)
    container["env"] = [
        {"name": "KUBERNETES_SERVICE_HOST", "value": api.hostname},
        {"name": "KUBERNETES_SERVICE_PORT", "value": str(api.port)},
    ]
    ssh = {"id_ed25519": story.lab.client_key.read_text(), "known_hosts": story.lab.known_hosts.read_text()}
    slack = {"app-token": story.slack.app_token, "bot-token": story.slack.bot_token}
    return [_volume(), _secret("imsbot-ssh", ssh), _secret("imsbot-slack", slack), *objects]


async def _config(story: Story) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "config.yaml").read_text())
    archive = await story.mirror.add("3.17.0")
    changes: dict[str, Any] = {
        "mode": "approve",
        "kata": {
            "archive": {
                "version": archive.version,
                "url": story.mirror.url(archive),
                "sha256": archive.sha256,
                "size_bytes": archive.size_bytes,
            }
        },
        "canary": {"image": JOB_IMAGE, "image_pull_policy": "Never", "cpu": "10m", "memory": "32Mi"},
        "checks": {"waive": dict(WAIVED)},
        "slack": {
            "channel": REPAIRS.id,
            "approvers": [APPROVER.id],
            "team": TEAM_ID,
            "api_url": story.slack.base_url,
        },
    }
    for more in (SHORTENED, changes):
        for section, value in more.items():
            document[section] = {**document.get(section, {}), **value} if isinstance(value, dict) else value
    return document


def _secret(name: str, data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _volume() -> Object:
    """A disk of the master's, kept for the bot's claim."""
    place = [{"matchExpressions": [{"key": ROLE, "operator": "Exists"}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "imsbot-journal"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"name": "imsbot-journal", "namespace": LEASE_NAMESPACE},
            "local": {"path": JOURNAL},
            "nodeAffinity": {"required": {"nodeSelectorTerms": place}},
        },
    }


async def test_the_pod_heals_a_job_and_the_next_pod_knows_of_it(
    story: Story, server: Server, bot_pod: BotPod
) -> None:
    first = await bot_pod.ready()
    assert MASTER == first["spec"]["nodeName"]
    assert "FAIL" not in await bot_pod.imsbot("check")

    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.approve(BROKEN)
    ended = await story.settled(BROKEN)
    assert "Healed" == ended.state, ended.shown
    await story.completed(job)

    await story.admin.delete(PODS, first["metadata"]["name"], LEASE_NAMESPACE)
    second = await bot_pod.ready(unlike=first["metadata"]["uid"])
    told = await bot_pod.imsbot("incidents", "--all")
    assert BROKEN in told
    assert "healed" in told.lower()
    assert 0 == second["status"]["containerStatuses"][0]["restartCount"]
    journal = story.lab.workers[MASTER].host_path(f"{JOURNAL}/journal.sqlite")
    assert NOBODY == (await asyncio.to_thread(journal.stat)).st_uid
    assert "Traceback" not in await bot_pod.log()

"""`kubectl apply -k deploy` on a real API server, as a dry run: it takes every object without a word of warning.

Its PodSecurity admission has the last word on the bot's pod.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import yaml

from bot.adapters.kube.connect import Connection, connect
from bot.core.settings import Kubernetes
from tests.deploy.manifests import all_objects, find, pod_spec
from tests.lab.cluster import Lab
from tests.sandbox.whole.access import LEASE_NAMESPACE

Object = dict[str, Any]


class Server:
    """The lab's API server, asked as the administrator; nothing is kept of what is sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def apply(self, obj: Object) -> tuple[int, list[str], Object]:
        """Server-side apply: status, warnings, and the object or the refusal."""
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
        path = f"{await self._collection(obj['apiVersion'], obj['kind'], namespace)}/{name}"
        query = {"dryRun": "All", "fieldManager": "test", "fieldValidation": "Strict"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        async with self._send("PATCH", path, params=query, headers=headers, data=yaml.safe_dump(obj)) as response:
            return response.status, response.headers.getall("Warning", []), await response.json()

    async def _collection(self, version: str, kind: str, namespace: str) -> str:
        """The server itself knows how a kind is called in its paths, and whether it lives in a namespace."""
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        async with self._send("GET", root) as response:
            known = (await response.json())["resources"]
        (found,) = (r for r in known if r["kind"] == kind and "/" not in r["name"])
        assert bool(namespace) == found["namespaced"]
        return f"{root}/namespaces/{namespace}/{found['name']}" if namespace else f"{root}/{found['name']}"

    def _send(self, method: str, path: str, **what: Any) -> aiohttp.client._RequestContextManager:
        return self._connection.session.request(method, self._connection.base_url + path, **what)


@pytest.fixture
async def server(running_lab: Lab) -> AsyncIterator[Server]:
    async with connect(Kubernetes(kubeconfig=running_lab.admin_kubeconfig)) as connection:
        yield Server(connection)


def bot_pod() -> Object:
    """The Deployment's pod by itself: only pods are admitted or refused, what makes them is only warned about."""
    labels = find(all_objects(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    metadata = {"name": "imsbot", "namespace": LEASE_NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec()}


@pytest.mark.parametrize("obj", all_objects(), ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
async def test_the_server_takes_the_object_without_a_warning(server: Server, obj: Object) -> None:
    status, warnings, said = await server.apply(obj)
    assert (True, []) == (status in {200, 201}, warnings), said.get("message")


async def test_the_pod_is_admitted_where_restricted_is_enforced(server: Server) -> None:
    status, warnings, said = await server.apply(bot_pod())
    assert (201, []) == (status, warnings), said.get("message")


@pytest.mark.parametrize("key", ["runAsNonRoot", "seccompProfile"])
async def test_without_one_of_its_restrictions_it_would_be_refused(server: Server, key: str) -> None:
    """So the namespace enforces, and the test above says something."""
    pod = copy.deepcopy(bot_pod())
    del pod["spec"]["securityContext"][key]
    status, _, said = await server.apply(pod)
    assert 403 == status
    assert 'violates PodSecurity "restricted' in said["message"]

"""`kubectl apply -k deploy` on a real API server, as a dry run: it takes every object without a word of warning.

Its PodSecurity admission has the last word on the bot's pod.
"""

from __future__ import annotations

import copy

import pytest

from tests.deploy.manifests import all_objects, find, pod_spec
from tests.lab.applying import Object, Server
from tests.sandbox.whole.access import LEASE_NAMESPACE


def bot_pod() -> Object:
    """The Deployment's pod by itself: only pods are admitted or refused, what makes them is only warned about."""
    labels = find(all_objects(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    metadata = {"name": "imsbot", "namespace": LEASE_NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec()}


@pytest.mark.parametrize("obj", all_objects(), ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
async def test_the_server_takes_the_object_without_a_warning(server: Server, obj: Object) -> None:
    status, warnings, said = await server.apply(obj, dry_run=True)
    assert (True, []) == (status in {200, 201}, warnings), said.get("message")


async def test_the_pod_is_admitted_where_restricted_is_enforced(server: Server) -> None:
    status, warnings, said = await server.apply(bot_pod(), dry_run=True)
    assert (201, []) == (status, warnings), said.get("message")


@pytest.mark.parametrize("key", ["runAsNonRoot", "seccompProfile"])
async def test_without_one_of_its_restrictions_it_would_be_refused(server: Server, key: str) -> None:
    """So the namespace enforces, and the test above says something."""
    pod = copy.deepcopy(bot_pod())
    del pod["spec"]["securityContext"][key]
    status, _, said = await server.apply(pod, dry_run=True)
    assert 403 == status
    assert 'violates PodSecurity "restricted' in said["message"]

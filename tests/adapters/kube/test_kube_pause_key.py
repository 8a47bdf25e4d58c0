"""The cluster's pause: a key that is there, one that is not, and one that nobody can read."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.pause_key import ConfigMapKey
from bot.adapters.kube.resources import CONFIG_MAPS
from bot.core.errors import ForbiddenError, UnreachableError
from bot.core.settings import Kubernetes
from tests.sandbox.api import ApiServer, Fault, User, allow

NAME = "imsbot"


@pytest.mark.parametrize(
    ("data", "value"),
    [({"pause": "upgrade"}, "upgrade"), ({"pause": ""}, ""), ({"config.yaml": "mode: observe"}, None), ({}, None)],
)
async def test_the_key_is_read_as_it_is_now(
    api: ApiClient, namespace: str, data: Mapping[str, str], value: str | None
) -> None:
    key = ConfigMapKey(api, namespace, NAME)
    assert await key.read() is None, "no such ConfigMap"
    await api.create(CONFIG_MAPS, {"metadata": {"name": NAME}, "data": dict(data)}, namespace)
    assert value == await key.read()
    await api.patch(CONFIG_MAPS, NAME, {"data": {"pause": "at once"}}, namespace)
    assert "at once" == await key.read()
    await api.patch(CONFIG_MAPS, NAME, {"data": {"pause": None}}, namespace)
    assert await key.read() is None


async def test_what_cannot_be_read_is_an_error_and_no_missing_key(server: ApiServer, api: ApiClient) -> None:
    server.faults.strike_next(100, Fault.DROPPED, lambda call: call.resource == "configmaps")
    with pytest.raises(UnreachableError):
        await ConfigMapKey(api, "ims-remediation-bot", NAME).read()


async def test_a_missing_right_is_an_error_that_names_it(server: ApiServer, tmp_path: Path) -> None:
    token = server.access.add(User("bot", (allow("get", "nodes"),)))
    kubeconfig = server.kubeconfig(tmp_path / "kubeconfig", token)
    async with connect(Kubernetes(kubeconfig=kubeconfig)) as connection:
        key = ConfigMapKey(ApiClient(connection, timeout_s=5), "ims-remediation-bot", NAME)
        with pytest.raises(ForbiddenError, match="configmaps"):
            await key.read()

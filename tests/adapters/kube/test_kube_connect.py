"""Kubeconfigs, service accounts and tokens that change: what is accepted, and what is said about the rest."""

import base64
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.credentials import Rhythm
from bot.adapters.kube.resources import NAMESPACES
from bot.core.errors import ForbiddenError, InputError, PermanentError, UnreachableError
from bot.core.settings import Kubernetes
from tests.sandbox.api import ApiServer
from tests.sandbox.api.access import User

SECRET = "eyJhbGciOi.secret.token"


def write_kubeconfig(
    path: Path, user: Mapping[str, Any], cluster: Mapping[str, Any] | None = None, **top: object
) -> Path:
    config = {
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": dict(user)}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        **top,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def cluster_of(server: ApiServer) -> dict[str, str]:
    ca = base64.b64encode(server.ca_pem).decode()
    return {"server": server.url, "certificate-authority-data": ca}


async def refusal(path: Path, context: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        async with connect(Kubernetes(kubeconfig=path, context=context)):
            pass
    return str(caught.value)


async def identity(path: Path) -> str:
    """Who the server takes us for: it says so when it refuses."""
    async with connect(Kubernetes(kubeconfig=path)) as connection:
        with pytest.raises(ForbiddenError) as caught:
            await ApiClient(connection, timeout_s=5).get(NAMESPACES, "kube-system")
    return str(caught.value)


async def test_server_is_reached_over_tls_with_a_token(api: ApiClient) -> None:
    found = await api.get(NAMESPACES, "kube-system")
    assert found.metadata.uid
    assert (await api.server_version()).startswith("v1.")


async def test_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    assert f"kubeconfig {path}: No such file or directory: {path}" == await refusal(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", "line 1: not valid YAML"),
        ("- a\n- b\n", "not a valid kubeconfig"),
        ("", "not a valid kubeconfig"),
        ("a: \x07", "not a text of YAML"),
        ("[" * 3000, "not a text of YAML"),
        ("clusters: 3\n", "not a valid kubeconfig"),
        ("clusters: []\n", "Expected key current-context"),
        ("current-context: x\ncontexts: []\n", "Expected object with name x"),
    ],
)
async def test_what_is_no_kubeconfig_gives_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    message = await refusal(path)
    assert said in message
    assert "\n" not in message


async def test_unknown_context_is_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"token": SECRET})
    assert "Expected object with name elsewhere" in await refusal(path, "elsewhere")


async def test_entry_that_cannot_be_read_is_not_quoted_with_its_token(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {}, users=[{"name": "u", "token": SECRET}])
    message = await refusal(path)
    assert "Expected key user" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({}, None, "the context's user has no credentials"),
        ({"token": SECRET}, {"server": "ftp://x"}, "is not an http or https URL"),
        ({"token": SECRET}, {"server": "https://u:p@x"}, "must not hold credentials"),
        ({"token": f"{SECRET}\r\nX: y"}, None, "line break"),
        ({"token": SECRET}, {"server": "https://x", "insecure-skip-tls-verify": True}, "is refused"),
        ({"token": SECRET}, {"server": "https://x", "certificate-authority": "/no/ca"}, "/no/ca"),
        ({"exec": {"command": "/no/plugin", "apiVersion": "v1"}}, None, "has no credentials"),
    ],
)
async def test_unusable_user_or_cluster_is_refused(
    tmp_path: Path, user: Mapping[str, Any], cluster: Mapping[str, Any] | None, said: str
) -> None:
    message = await refusal(write_kubeconfig(tmp_path / "config", user, cluster))
    assert said in message
    assert SECRET not in message


async def test_outside_a_cluster_without_kubeconfig_the_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"set kubernetes\.kubeconfig"):
        async with connect(Kubernetes(), service_account=tmp_path, environ={}):
            pass


async def test_server_with_an_unknown_ca_is_not_trusted(server: ApiServer, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"token": SECRET}, {"server": server.url})
    async with connect(Kubernetes(kubeconfig=path)) as connection:
        with pytest.raises(PermanentError, match="is not trusted") as caught:
            await ApiClient(connection, timeout_s=5).get(NAMESPACES, "kube-system")
    assert SECRET not in str(caught.value)


async def test_closed_port_is_unreachable(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"token": SECRET})
    async with connect(Kubernetes(kubeconfig=path)) as connection:
        with pytest.raises(UnreachableError, match=r'get namespaces "kube-system": https://127\.0\.0\.1:1'):
            await ApiClient(connection, timeout_s=5).get(NAMESPACES, "kube-system")


async def test_service_account_token_that_was_rotated_is_used_after_a_401(
    server: ApiServer, tmp_path: Path
) -> None:
    old, new = (server.access.add(User("bot")) for _ in range(2))
    (tmp_path / "ca.crt").write_bytes(server.ca_pem)
    (tmp_path / "token").write_text(f"{old}\n")
    host, port = server.url.removeprefix("https://").split(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    settings, rhythm = Kubernetes(), Rhythm(renew_s=0)
    async with connect(settings, service_account=tmp_path, environ=environ, rhythm=rhythm) as connection:
        client = ApiClient(connection, timeout_s=5)
        await client.get(NAMESPACES, "kube-system")
        server.access.revoke(old)
        (tmp_path / "token").write_text(new)
        await client.get(NAMESPACES, "kube-system")


async def test_token_file_is_read_again_when_due_before_the_old_token_fails(
    server: ApiServer, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(server.access.add(User("first", rules=())))
    path = write_kubeconfig(tmp_path / "config", {"tokenFile": str(token_file)}, cluster_of(server))
    async with connect(Kubernetes(kubeconfig=path), rhythm=Rhythm(refresh_s=0)) as connection:
        client = ApiClient(connection, timeout_s=5)
        with pytest.raises(ForbiddenError, match='User "first"'):
            await client.get(NAMESPACES, "kube-system")
        token_file.write_text(server.access.add(User("second", rules=())))
        with pytest.raises(ForbiddenError, match='User "second"'):
            await client.get(NAMESPACES, "kube-system")
        token_file.unlink()
        with pytest.raises(ForbiddenError, match='User "second"'):
            await client.get(NAMESPACES, "kube-system")


async def test_exec_plugin_gives_the_token(server: ApiServer, tmp_path: Path) -> None:
    token = server.access.add(User("from-plugin", rules=()))
    version = "client.authentication.k8s.io/v1"
    answer = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    plugin.chmod(stat.S_IRWXU)
    user = {"exec": {"command": str(plugin), "apiVersion": version}}
    path = write_kubeconfig(tmp_path / "config", user, cluster_of(server))
    assert 'User "from-plugin"' in await identity(path)


async def test_refused_token_says_so_without_showing_it(server: ApiServer, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"token": SECRET}, cluster_of(server))
    async with connect(Kubernetes(kubeconfig=path)) as connection:
        with pytest.raises(ForbiddenError, match="does not accept our token") as caught:
            await ApiClient(connection, timeout_s=5).get(NAMESPACES, "kube-system")
        assert SECRET not in f"{caught.value} {caught.value!r} {connection!r}"

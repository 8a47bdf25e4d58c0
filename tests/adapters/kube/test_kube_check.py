"""What `imsbot check` says when a part of the cluster's side is missing."""

import asyncio
from pathlib import Path

import asyncssh
import yaml
from typer.testing import CliRunner

from bot.cli.main import app
from tests.sandbox.api import NAMESPACES, ApiServer, User
from tests.sandbox.whole.access import BOT, LEASE_NAMESPACE


async def test_a_missing_configmap_and_a_missing_role_are_named(tmp_path: Path) -> None:
    without = User(BOT.name, tuple(rule for rule in BOT.rules or () if "jobs" not in rule.resources))
    server = ApiServer()
    await server.start()
    server.registry.create(NAMESPACES, {"metadata": {"name": LEASE_NAMESPACE}})
    key = tmp_path / "key"
    key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    key.chmod(0o600)
    kubeconfig = server.kubeconfig(tmp_path / "kubeconfig", server.access.add(without))
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "ssh": {"client_key": str(key), "known_hosts": str(key)},
                "canary": {"image": "x"},
                "slack": {"enabled": False},
                "kubernetes": {"kubeconfig": str(kubeconfig)},
            }
        )
    )
    ended = await asyncio.to_thread(CliRunner().invoke, app, ["check", "--config", str(config), "-o", "json"])
    await server.stop()
    assert 1 == ended.exit_code
    assert "no ConfigMap imsbot: the brake by kubectl is missing" in ended.output
    assert f"kubectl -n {LEASE_NAMESPACE} create configmap imsbot" in ended.output
    assert "list jobs in namespace ims" in ended.output
    assert "not set; missing files are diagnosed only" in ended.output

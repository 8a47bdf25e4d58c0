"""The unit of `deploy/` on a real systemd: the bot works under all of its restrictions, and people reach it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.deploy.manifests import DEPLOY
from tests.lab.admin import until
from tests.lab.installed import install_bot
from tests.lab.node import Network, Worker
from tests.lab.node.alone import lone_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

_STARTED_S = 60
_KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "imsbot", "user": {"token": "x"}}],
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "imsbot"}}],
    "current-context": "nowhere",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(lone_folder: Path, network: Network) -> AsyncIterator[Worker]:
    """With the bot installed as the page says, and no cluster to reach."""
    async with lone_worker(lone_folder, network) as worker:
        await asyncio.to_thread(install_bot, worker.root)
        await worker.run("useradd --system --home-dir /var/lib/imsbot --shell /usr/sbin/nologin imsbot")
        await worker.run("install -d -o imsbot -g imsbot -m 0700 /etc/imsbot/ssh /etc/imsbot/slack")
        await worker.run("ssh-keygen -q -t ed25519 -N '' -f /etc/imsbot/ssh/id_ed25519")
        await worker.run("echo > /etc/imsbot/ssh/known_hosts; chown -R imsbot: /etc/imsbot/ssh")
        write(worker, "/etc/imsbot/kubeconfig", yaml.safe_dump(_KUBECONFIG))
        write(worker, "/etc/imsbot/config.yaml", configuration())
        write(worker, "/etc/systemd/system/imsbot.service", (DEPLOY / "imsbot.service").read_text())
        await worker.run("systemctl daemon-reload")
        yield worker


def configuration(**changes: object) -> str:
    document = yaml.safe_load((DEPLOY / "config.yaml").read_text())
    document["kubernetes"] = {"kubeconfig": "/etc/imsbot/kubeconfig"}
    document["http"]["address"] = "127.0.0.1"
    document["slack"] = {"enabled": False}
    return yaml.safe_dump({**document, **changes})


def write(worker: Worker, path: str, text: str, mode: int = 0o644) -> None:
    file = worker.host_path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


async def state(worker: Worker) -> str:
    return (await worker.try_run("systemctl is-active imsbot"))[1].strip()


async def test_the_bot_works_under_its_restrictions_and_root_reaches_it(machine: Worker) -> None:
    await machine.run("systemctl start imsbot")

    async def started() -> bool:
        return '"started"' in await machine.run("journalctl -u imsbot --no-pager")

    await until(started, _STARTED_S)
    code, said, _ = await machine.try_run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9464/readyz")
    assert (0, "503") == (code, said)
    assert "Paused" in await machine.run("/opt/imsbot/bin/imsbot pause --reason 'a look at the unit'")
    assert "a look at the unit" in await machine.run("/opt/imsbot/bin/imsbot incidents")
    assert "active" == await state(machine)
    log = await machine.run("journalctl -u imsbot --no-pager")
    assert "Traceback" not in log
    assert "imsbot:imsbot 600" == (await machine.run("stat -c '%U:%G %a' /var/lib/imsbot/journal.sqlite")).strip()


async def test_it_stops_in_time_and_remembers(machine: Worker) -> None:
    await machine.run("systemctl restart imsbot")
    assert "a look at the unit" in await machine.run("/opt/imsbot/bin/imsbot incidents")
    await machine.run("systemctl stop imsbot")
    assert "inactive" == await state(machine)
    assert "success" in await machine.run("systemctl show -p Result imsbot")


async def test_a_journal_that_is_held_is_tried_again_until_it_is_free(machine: Worker) -> None:
    """As while somebody pauses the bot, and as on a full disk: by itself, however often."""
    await machine.run("systemd-run --unit=holder flock /var/lib/imsbot/journal.sqlite.lock sleep infinity")
    await machine.run("until ! flock -n /var/lib/imsbot/journal.sqlite.lock true; do sleep 0.1; done")
    await machine.run("systemctl start imsbot")

    async def refused() -> bool:
        return "NRestarts=0" not in await machine.run("systemctl show -p NRestarts imsbot")

    async def listens() -> bool:
        return (await machine.try_run("test -S /var/lib/imsbot/journal.sqlite.sock"))[0] == 0

    await until(refused, _STARTED_S)
    await machine.run("systemctl stop holder")
    await until(listens, _STARTED_S)
    await machine.run("systemctl stop imsbot")


async def test_a_configuration_that_cannot_be_used_waits_for_a_person(machine: Worker) -> None:
    write(machine, "/etc/imsbot/config.yaml", configuration(nonsense=1))
    await machine.try_run("systemctl start imsbot")

    async def failed() -> bool:
        return await state(machine) == "failed"

    await until(failed, _STARTED_S)
    assert "NRestarts=0" in await machine.run("systemctl show -p NRestarts imsbot")
    assert "nonsense: unknown key" in await machine.run("journalctl -u imsbot --no-pager -n 5")

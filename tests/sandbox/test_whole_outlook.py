"""What monitoring sees of the whole program: true readiness, metrics that move, a log without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.loopback import free_port
from tests.sandbox.controllers import ims_job
from tests.sandbox.nodes import WITHOUT_HANDLER
from tests.sandbox.whole import Sandbox, Worker, find_card, pinned

BROKEN = "ncn-w001"
FAMILY = "handler-not-configured"


class Monitoring:
    """Asks the bot's endpoints."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._session = session

    async def ready(self) -> dict[str, str]:
        """Part -> what is said of it; the status must say the same."""
        async with self._session.get(f"{self._url}/readyz") as response:
            parts = dict(line.split(": ", 1) for line in (await response.text()).splitlines())
            assert (200 if set(parts.values()) == {"ok"} else 503) == response.status
            return parts

    async def until_ready(self, *parts: str, within_s: float) -> dict[str, str]:
        """Until exactly these parts are ready; what is said then."""
        async with asyncio.timeout(within_s):
            while True:
                found = await self.ready()
                if {part for part, said in found.items() if said == "ok"} == set(parts):
                    return found
                await asyncio.sleep(0.5)

    async def value(self, name: str, **labels: str) -> float:
        async with self._session.get(f"{self._url}/metrics") as response:
            families = text_string_to_metric_families(await response.text())
        samples = (sample for family in families for sample in family.samples)
        return next(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def monitoring(port: int) -> AsyncIterator[Monitoring]:
    async with aiohttp.ClientSession() as session:
        yield Monitoring(port, session)


@pytest.fixture
async def sandbox(tmp_path: Path, port: int) -> AsyncIterator[Sandbox]:
    changes = {"http": {"port": port}, "kubernetes": {"watch_timeout_s": 5}}
    workers = {BROKEN: Worker(WITHOUT_HANDLER), "ncn-w002": Worker(), "ncn-w003": Worker()}
    async with Sandbox(tmp_path, workers, changes=changes) as sandbox:
        await sandbox.bot.start()
        yield sandbox


async def test_readiness_follows_the_watch_and_slack(sandbox: Sandbox, monitoring: Monitoring) -> None:
    await monitoring.until_ready("watch", "slack", within_s=30)
    sandbox.api.faults.freeze_watches()
    said = await monitoring.until_ready("slack", within_s=20)
    assert "the server has said nothing for" in said["watch"]
    assert 0 == await monitoring.value("imsbot_ready", part="watch")

    sandbox.api.faults.thaw_watches()
    await monitoring.until_ready("watch", "slack", within_s=30)
    sandbox.slack.begin_outage()
    await monitoring.until_ready("watch", within_s=60)
    sandbox.slack.end_outage()
    await monitoring.until_ready("watch", "slack", within_s=60)


async def test_an_incident_shows_in_the_metrics_and_in_a_log_without_secrets(
    sandbox: Sandbox, monitoring: Monitoring
) -> None:
    await monitoring.until_ready("watch", "slack", within_s=30)  # else the pod may come with the list
    sandbox.create_job(pinned(ims_job("create"), BROKEN))
    await sandbox.see(lambda slack: (card := find_card(slack, BROKEN)) and card.actions, timeout_s=60)
    await sandbox.bot.until(lambda: any(r["event"] == "Asked" for r in sandbox.bot.records), 30)
    assert 1 == await monitoring.value("imsbot_approvals_open")
    await sandbox.answer(lambda: find_card(sandbox.slack, BROKEN), "imsbot-deny")
    await sandbox.bot.until(lambda: any(r["event"] == "Closed" for r in sandbox.bot.records), 30)
    assert 1 == await monitoring.value("imsbot_incidents_opened_total", family=FAMILY)
    assert 1 == await monitoring.value("imsbot_incidents_closed_total", family=FAMILY, result="denied")
    assert 0 < await monitoring.value("imsbot_watch_events_total", watch="watch pods in namespace ims")

    entries = [record for record in sandbox.bot.records if "phase" in record]
    told = dict.fromkeys(record["event"] for record in entries)  # what is seen meanwhile may stand between
    hops = ["Opened", "Planned", "Asked", "Answered", "Closed"]
    assert hops == [event for event in told if event in hops]
    assert {entries[0]["incident"]} == {record["incident"] for record in entries}
    facts = next(record for record in sandbox.bot.records if record["event"] == "facts")
    assert (BROKEN, entries[0]["incident"]) == (facts["target"], facts["incident"])
    log = sandbox.bot.log.read_text()
    assert [] == [secret for secret in secrets(sandbox) if secret in log]


def secrets(sandbox: Sandbox) -> list[str]:
    """Everything that the bot was given and nobody else may read."""
    key = sandbox.nodes.client_key.read_text().splitlines()[1:-1]
    token = (sandbox.folder / "kubeconfig").read_text().partition("token: ")[2].split()[0]
    assert key
    return [sandbox.slack.app_token, sandbox.slack.bot_token, token, *key]

"""A worker of the lab as a machine: what boots, what power cuts and resets leave of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio

from tests.lab.host import LabError
from tests.lab.node import Containerd, Network, Setup, UnitKind, Worker
from tests.lab.node.alone import lone_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")
CRICTL = "crictl --timeout 30s"
SANDBOX = '{"metadata":{"name":"s","namespace":"imsbot","uid":"u","attempt":1},"log_directory":"/tmp","linux":{}}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(lone_folder: Path, network: Network) -> AsyncIterator[Worker]:
    """One for the whole module; a test that needs it fresh resets it."""
    async with lone_worker(lone_folder, network, Containerd) as worker:
        yield worker


async def login(worker: Worker, known_hosts: Path, command: str) -> str:
    """Output of a command over a verified SSH login."""
    await asyncio.to_thread(known_hosts.write_text, worker.known_hosts)
    async with asyncssh.connect(
        worker.address,
        username="root",
        client_keys=[str(worker.client_key)],
        known_hosts=str(known_hosts),
        host_key_alias=worker.name,
        config=None,
        agent_path=None,
    ) as connection:
        return str((await connection.run(command, check=True)).stdout)


async def test_everything_that_is_started_at_boot_runs(worker: Worker) -> None:
    assert "" == await worker.run("systemctl list-units --failed --no-legend")
    assert "active\nactive\n" == await worker.run("systemctl is-active ssh containerd")


async def test_one_logs_in_with_the_labs_key_against_the_pinned_host_key(worker: Worker, tmp_path: Path) -> None:
    assert f"{worker.name}\n0\n" == await login(worker, tmp_path / "known_hosts", "hostname; id -u")


async def test_a_host_key_that_changed_is_not_believed_until_it_is_pinned(worker: Worker, tmp_path: Path) -> None:
    old = worker.known_hosts
    await worker.change_host_key()
    assert old != worker.known_hosts
    assert "in\n" == await login(worker, tmp_path / "known_hosts", "echo in")


@pytest.mark.parametrize(
    ("setup", "version"),
    [
        (Setup(), "1.6."),
        (Setup(Containerd.V1_7, UnitKind.CSM), "1.7."),
        (Setup(Containerd.V2), "2."),
        (Setup(Containerd.V2, UnitKind.CSM, schema=3), "2."),
    ],
)
async def test_a_sandbox_starts_under_the_containerd_that_was_chosen(
    worker: Worker, setup: Setup, version: str
) -> None:
    await worker.reset(setup)
    assert f"RuntimeVersion:  {version}" in await worker.run(f"{CRICTL} version")
    assert (setup.unit is UnitKind.CSM) == ("ExecStopPost=" in await worker.run("systemctl cat containerd"))
    sandbox = await start_sandbox(worker)
    assert f"{sandbox}\n" == await worker.run(f"{CRICTL} pods --state ready --quiet")


@pytest.mark.parametrize(
    ("setup", "survives"),
    [
        (Setup(), True),
        (Setup(unit=UnitKind.CSM), False),
        (Setup(Containerd.V1_7), True),
        (Setup(Containerd.V1_7, UnitKind.CSM), False),
        (Setup(Containerd.V2, UnitKind.CSM), True),
    ],
)
async def test_only_csms_unit_kills_what_runs_and_only_with_containerd_1(
    worker: Worker, setup: Setup, survives: bool
) -> None:
    await worker.reset(setup)
    sandbox = await start_sandbox(worker)
    await worker.run("systemctl restart containerd; until crictl info >/dev/null 2>&1; do sleep 0.1; done")
    left = await worker.run(f"{CRICTL} pods --state ready --quiet")
    assert (f"{sandbox}\n" if survives else "") == left


async def test_a_reset_forgets_everything_but_the_host_key(worker: Worker) -> None:
    key = worker.known_hosts
    await worker.run("touch /root/here /var/lib/containerd/here")
    await worker.reset()
    assert "" == await worker.run("ls /root/here /var/lib/containerd/here 2>/dev/null || true")
    assert key == worker.known_hosts


async def test_a_reboot_keeps_the_disk_and_forgets_what_ran(worker: Worker) -> None:
    before = await worker.run("cat /proc/sys/kernel/random/boot_id; touch /root/here /run/here")
    await worker.run("systemd-run -q sleep 600")
    await worker.reboot()
    after = await worker.run("cat /proc/sys/kernel/random/boot_id; ls /root/here /run/here 2>/dev/null || true")
    assert "/root/here\n" == after.partition("\n")[2]
    assert before != after.partition("\n")[0] + "\n"
    assert "0\n" == await worker.run("pgrep -cxf 'sleep 600' || true")


async def test_it_comes_back_when_it_is_rebooted_from_inside(worker: Worker) -> None:
    await worker.reset()
    before = await worker.run("cat /proc/sys/kernel/random/boot_id")
    await worker.run("systemctl reboot")
    async with asyncio.timeout(40):
        while await boot_id(worker) in ("", before):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.2)


async def test_over_a_cut_cable_nobody_answers_and_the_worker_goes_on(worker: Worker) -> None:
    await worker.cut_cable()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await reach(worker)
    assert "on\n" == await worker.run("echo on")
    await worker.plug_cable()
    async with asyncio.timeout(10):
        await reach(worker)


async def test_a_full_opt_takes_no_archive(worker: Worker) -> None:
    await worker.reset()
    await worker.fill_opt()
    assert "containerd\n" == await worker.run("ls /opt")
    code, _, said = await worker.try_run("head -c 8M /dev/zero > /opt/archive")
    assert code != 0
    assert "No space left on device" in said


async def test_a_command_that_fails_says_how(worker: Worker) -> None:
    with pytest.raises(LabError, match="ended with 3: so"):
        await worker.run("echo so >&2; exit 3")


async def test_a_worker_that_is_off_says_so(worker: Worker) -> None:
    await worker.stop()
    with pytest.raises(LabError, match=f"{worker.name} is off"):
        await worker.run("true")
    await worker.start()
    assert "on\n" == await worker.run("echo on")


async def start_sandbox(worker: Worker) -> str:
    """Its id. It outlives the command that starts it."""
    return (await worker.run(f"echo '{SANDBOX}' > /tmp/s.json; {CRICTL} runp /tmp/s.json")).strip()


async def boot_id(worker: Worker) -> str:
    """Empty while it is down."""
    with contextlib.suppress(LabError):
        return (await worker.try_run("cat /proc/sys/kernel/random/boot_id"))[1]
    return ""


async def reach(worker: Worker) -> None:
    _, writer = await asyncio.open_connection(worker.address, 22)
    writer.close()
    await writer.wait_closed()

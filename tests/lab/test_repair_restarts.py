"""Repairs that restart a real containerd: on every version, beside running jobs, and when things go wrong."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from bot.adapters.kube.resources import DAEMON_SETS, NODES, PODS
from tests.lab.admin import KubeObject, until
from tests.lab.cluster import Lab
from tests.lab.kata.jobs import kata_job, plain_job, watcher
from tests.lab.node import Containerd, Setup, UnitKind
from tests.lab.story import Story
from tests.lab.test_repair_families import BROKEN, NO_HANDLER, put_all
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.nodes.state import BARE, WITHOUT_HANDLER
from tests.sandbox.whole.process import Record

RESTART = "restart containerd"
DEAD_SOCKETS = r"cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -c 'containerd\.sock//deleted ' || true"
REFUSES_KATA = """\
[Service]
ExecStartPre=/bin/sh -c '! grep -q kata-qemu /etc/containerd/config.toml'
"""
"""A drop-in of the unit: containerd does not come up with a configuration that has the handler."""


@pytest.mark.parametrize(
    "setup",
    [Setup(Containerd.V1_7), Setup(Containerd.V2), Setup(Containerd.V2, schema=3)],
    ids=["1.7", "2 with schema 2", "2 with schema 3"],
)
async def test_a_missing_handler_is_merged_into_the_configuration_of_every_containerd(
    running_lab: Lab, tmp_path: Path, setup: Setup
) -> None:
    """Debian's 1.6 is what every other test runs on."""
    await running_lab.reset({BROKEN: setup})
    async with Story(running_lab, tmp_path) as story:
        await put_all(story, {BROKEN: WITHOUT_HANDLER})
        await heal_the_handler(story)


async def heal_the_handler(story: Story) -> None:
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    card = await story.approve(BROKEN)
    assert NO_HANDLER in card.shown
    assert RESTART in card.shown
    ended = await story.settled(BROKEN)

    assert "Healed" == ended.state, ended.shown
    await story.completed(job)
    assert [] == await story.complaints()


@pytest.mark.parametrize(
    "setup",
    [Setup(), Setup(Containerd.V2, UnitKind.CSM, schema=3)],
    ids=["a plain unit", "CSM's unit on 2"],
)
async def test_a_job_that_runs_survives_the_restart(running_lab: Lab, tmp_path: Path, setup: Setup) -> None:
    """containerd 2 does not need the shims' addresses that CSM's unit deletes."""
    await running_lab.reset({BROKEN: setup})
    async with Story(running_lab, tmp_path) as story:
        await put_all(story, {BROKEN: WITHOUT_HANDLER})
        running = await story.create_job(plain_job(BROKEN, run_s=600))
        pod = await story.pod_of(running, containers_run)
        await heal_the_handler(story)

        (after,) = await story.pods_of(running)
        assert containers_run(after)
        assert container_ids(pod) == container_ids(after)


def containers_run(pod: KubeObject) -> bool:
    statuses = pod["status"].get("containerStatuses", ())
    return bool(statuses) and all("running" in each["state"] for each in statuses)


def container_ids(pod: KubeObject) -> list[str]:
    return sorted(each["containerID"] for each in pod["status"]["containerStatuses"])


async def test_the_watcher_of_csm_gets_the_new_socket_after_a_restart(story: Story) -> None:
    """A real kubelet mounts the socket file, and a real containerd makes another one."""
    await put_all(story, {BROKEN: WITHOUT_HANDLER})
    await story.admin.create(DAEMON_SETS, watcher(), "services")
    first = await until(lambda: ready_watcher(story), 60)
    await heal_the_handler(story)

    second = await until(lambda: ready_watcher(story), 60)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert "0" == (await story.lab.workers[BROKEN].run(DEAD_SOCKETS)).strip()


async def ready_watcher(story: Story) -> KubeObject | None:
    pods = await story.admin.list(PODS, "services")
    return next((pod for pod in pods if pod["spec"].get("nodeName") == BROKEN and holds(pod, "Ready")), None)


async def test_the_unit_of_csm_is_recognised_as_one_whose_restart_kills(running_lab: Lab, tmp_path: Path) -> None:
    await running_lab.reset({BROKEN: Setup(unit=UnitKind.CSM)})
    async with Story(running_lab, tmp_path) as story:
        await put_all(story, {BROKEN: WITHOUT_HANDLER})
        running = await story.create_job(plain_job(BROKEN, run_s=600))
        await story.pod_of(running, containers_run)
        await story.begin()
        job = await story.create_job(kata_job("create", node=BROKEN))
        ended = await story.settled(BROKEN)

        assert "Diagnosed, not repaired" == ended.state, ended.shown
        assert "kill" in ended.shown
        assert running in ended.shown
        assert not await story.complete(job)
        assert story.unchanged([BROKEN])
        assert [] == await story.complaints()


async def test_a_worker_that_somebody_else_cordoned_stays_cordoned(story: Story) -> None:
    """The pod was bound before; a cordon keeps nobody from being repaired who asks by hand."""
    await put_all(story, {BROKEN: WITHOUT_HANDLER})
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.pod_of(job, lambda pod: bool(pod["spec"].get("nodeName")))
    await story.admin.patch(NODES, BROKEN, {"spec": {"unschedulable": True}})
    story.cordoned.add(BROKEN)
    await story.begin()
    ended = await story.settled(BROKEN)

    assert "Diagnosed, not repaired" == ended.state, ended.shown
    assert "cordoned" in ended.shown
    assert [] == await story.complaints()


async def test_a_containerd_that_does_not_come_back_is_rolled_back_and_its_node_ready(story: Story) -> None:
    await put_all(story, {BROKEN: WITHOUT_HANDLER})
    worker = story.lab.workers[BROKEN]
    folder = worker.host_path("/etc/systemd/system/containerd.service.d")
    folder.mkdir()
    (folder / "lab.conf").write_text(REFUSES_KATA)
    await worker.run("systemctl daemon-reload")
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.approve(BROKEN)
    ended = await story.settled(BROKEN)

    assert "Not repaired, put back" == ended.state, ended.shown
    assert story.unchanged([BROKEN])
    assert "active" == (await worker.run("systemctl is-active containerd")).strip()
    await story.node_ready(BROKEN)
    assert not await story.complete(job)
    assert [] == await story.complaints()


async def test_a_repair_goes_on_over_a_restart_of_the_api_server(running_lab: Lab, story: Story) -> None:
    await put_all(story, {BROKEN: WITHOUT_HANDLER})
    tasks: list[asyncio.Task[None]] = []

    async def restart_api_server() -> None:
        await running_lab.plane.stop_api_server()
        await asyncio.sleep(2)
        await running_lab.plane.start_api_server()

    def in_the_middle(record: Record) -> None:
        if record["event"] == "StepBegan" and record.get("step") == "configure" and not tasks:
            tasks.append(asyncio.create_task(restart_api_server()))

    story.on_record = in_the_middle
    await heal_the_handler(story)
    (restarted,) = tasks
    await restarted


@pytest.mark.parametrize("harm", ["kill the bot", "cut its SSH session"])
async def test_one_harm_at_a_drawn_moment_costs_no_step_twice(running_lab: Lab, story: Story, harm: str) -> None:
    """The moment is drawn anew each time; the seed that is printed draws it again."""
    seed = random.SystemRandom().randrange(1 << 32)
    number = random.Random(seed).randint(1, 10)
    print(f"seed {seed}: {harm} at the {number}. act")
    await put_all(story, {BROKEN: BARE})
    acts = 0
    harmed: list[asyncio.Task[None]] = []

    async def do_harm() -> None:
        if harm == "kill the bot":
            story.bot.kill()
            await story.bot.ended()
            await story.bot.start()
        else:
            await until(running_lab.workers[BROKEN].cut_sessions, 60)  # the session may just be opened again

    def count(record: Record) -> None:
        nonlocal acts
        acts += record["event"] == "Intended"
        if acts == number and not harmed:
            harmed.append(tasks.create_task(do_harm()))

    story.on_record = count
    async with asyncio.TaskGroup() as tasks:  # harm that fails ends the story at once
        await heal_the_handler(story)
    assert 1 == len(harmed)

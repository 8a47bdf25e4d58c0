"""Every failure that the bot repairs, on a real cluster: the job that hung runs to its end, after one click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from bot.adapters.kube.resources import JOBS
from tests.lab.kata.jobs import kata_job, tenants_job
from tests.lab.kata.states import put
from tests.lab.story import Story
from tests.sandbox.nodes.state import (
    BARE,
    HEALTHY,
    KATA_CONFIG,
    PARTIAL,
    UNTUNED,
    WITHOUT_HANDLER,
    WITHOUT_KATA,
    WITHOUT_SHIM,
    NodeState,
)
from tests.sandbox.whole import cards

BROKEN = "ncn-w001"
TENANT = "default"
NO_HANDLER = 'no runtime for "kata-qemu" is configured'
NO_SHIM = 'binary not installed "containerd-shim-kata-qemu-v2"'


@dataclass(frozen=True, slots=True)
class Case:
    """One broken worker: what it lacks, how that shows, and what the card must offer."""

    state: NodeState
    says: str
    """In the kubelet's event, which the card quotes."""
    offers: str
    action: Literal["create", "customize"] = "create"
    restarts: bool = False


CASES = {
    "handler": Case(WITHOUT_HANDLER, NO_HANDLER, "restart containerd", restarts=True),
    "shim": Case(WITHOUT_SHIM, NO_SHIM, "link"),
    "installation": Case(WITHOUT_KATA, NO_SHIM, "unpack"),
    "configuration": Case(
        NodeState(missing=(KATA_CONFIG,)), "Cannot find usable config file", "configuration-qemu"
    ),
    "artifacts": Case(PARTIAL, "file /opt/kata/bin/qemu-system-x86_64 does not exist", "qemu-system-x86_64"),
    "annotation": Case(UNTUNED, "virtio_fs_extra_args is not enabled", "virtio_fs_extra_args", action="customize"),
    "everything": Case(BARE, NO_HANDLER, "unpack", restarts=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_job_that_hangs_on_a_broken_worker_runs_after_one_click(story: Story, case: Case) -> None:
    await put_all(story, {BROKEN: case.state})
    await story.begin()
    job = await story.create_job(kata_job(case.action, node=BROKEN))

    card = await story.approve(BROKEN)
    assert job in card.shown
    assert case.says in card.shown
    assert case.offers in card.shown
    assert case.restarts == ("restart containerd" in card.shown)
    ended = await story.settled(BROKEN)

    assert "Healed" == ended.state, ended.shown
    await story.completed(job)
    assert [] == await story.complaints()


async def test_a_missing_runtime_class_is_created_and_no_node_is_touched(story: Story) -> None:
    await put_all(story, {})
    await story.delete_runtime_class()
    await story.begin()
    job = await story.create_job(kata_job("customize"))

    await story.approve("kata-qemu")
    ended = await story.settled("kata-qemu")

    assert "Healed" == ended.state, ended.shown
    await story.completed(job)
    assert story.unchanged(story.lab.workers)
    assert [] == await story.complaints()


async def test_with_no_worker_labelled_one_that_is_ready_is_picked_proven_and_labelled(story: Story) -> None:
    await put_all(story, {BROKEN: BARE})
    await story.label(*story.lab.workers, value=None)
    await story.begin()
    job = await story.create_job(kata_job("create"))

    await story.approve("unschedulable-label")
    ended = await story.settled("unschedulable-label")

    assert "Healed" == ended.state, ended.shown
    await story.completed(job)
    (pod,) = await story.pods_of(job)
    assert BROKEN != pod["spec"]["nodeName"]
    assert story.unchanged(story.lab.workers)
    assert [] == await story.complaints()


async def test_two_workers_are_repaired_one_after_the_other(story: Story) -> None:
    second = "ncn-w002"
    await put_all(story, {BROKEN: WITHOUT_HANDLER, second: WITHOUT_SHIM})
    await story.begin()
    jobs = [await story.create_job(kata_job("create", node=name)) for name in (BROKEN, second)]

    for name in (BROKEN, second):
        await story.approve(name)
    for name in (BROKEN, second):
        ended = await story.settled(name)
        assert "Healed" == ended.state, ended.shown

    for job in jobs:
        await story.completed(job)
    assert [] == await story.complaints()


async def test_the_whole_chain_from_a_missing_runtime_class_to_bare_workers_takes_one_click_each(
    story: Story,
) -> None:
    """One failure hides the next: the API rejects the pod, then no worker may take it, and none could start it.

    Workers just reset have nothing of Kata. Of three that are alike the first by name is picked, so nothing more
    than that one is changed. A tenant's job fails beside it in the same words, which is not the bot's business.
    """
    await story.begin()
    await story.admin.create(JOBS, tenants_job("nightly-report"), TENANT)
    job = await story.create_job(kata_job("customize"))

    await story.approve("runtimeclass-missing")
    assert "Healed" == (await story.settled("runtimeclass-missing")).state
    card = await story.approve("unschedulable-label")
    assert {BROKEN, "unpack", "link", "restart containerd", "label"} == {
        word for word in (BROKEN, "unpack", "link", "restart containerd", "label") if word in card.shown
    }
    ended = await story.settled("unschedulable-label")

    assert "Healed" == ended.state, ended.shown
    await story.completed(job)
    (pod,) = await story.pods_of(job)
    assert BROKEN == pod["spec"]["nodeName"]
    assert story.unchanged(set(story.lab.workers) - {BROKEN})
    assert 2 == len(cards(story.slack))
    assert [] == await story.complaints()


async def put_all(story: Story, states: dict[str, NodeState]) -> None:
    """Each worker into its state, ready where none is given, and labelled as CSM labels it."""
    for name, worker in story.lab.workers.items():
        await put(worker, states.get(name, HEALTHY), story.contents)
    await story.label(*story.lab.workers)
    await story.create_runtime_class()

"""What the bot must not do on a real cluster: change a node by a bad archive, a torn file, or against a proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.adapters.kube.resources import NODES
from tests.lab.kata.jobs import failing_job, imageless_job, kata_job, oversized_job, tenants_job
from tests.lab.kata.mirror import KATA_VERSION
from tests.lab.kata.states import Machine, break_syntax, repeat_handler
from tests.lab.story import Story
from tests.lab.test_repair_families import BROKEN, put_all
from tests.sandbox.controllers import KATA_LABEL
from tests.sandbox.mirror import Format, Trap
from tests.sandbox.nodes.state import BARE, WITHOUT_HANDLER, WITHOUT_KATA, WITHOUT_SHIM
from tests.sandbox.whole import cards
from tests.sandbox.whole.process import Record

PUT_BACK = "Not repaired, put back"
_LOOKED_AT_S = 15
"""Longer than a pod may hang until the bot looks at it without any Event."""


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("trap", [Trap.PARENT_MEMBER, Trap.TRUNCATED])
async def test_a_bad_archive_changes_nothing_on_the_worker(story: Story, trap: Trap, form: Format) -> None:
    await put_all(story, {BROKEN: BARE})
    story.archive = await story.mirror.add(KATA_VERSION, form, trap)
    await refused_after_approval(story)


async def test_an_archive_that_is_not_the_pinned_one_changes_nothing_on_the_worker(story: Story) -> None:
    await put_all(story, {BROKEN: BARE})
    story.sha256 = "1" * 64
    await refused_after_approval(story)


async def refused_after_approval(story: Story) -> None:
    worker = story.lab.workers[BROKEN]
    root_before = await worker.run("stat -c '%u:%g %a' / /opt /etc")
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.approve(BROKEN)
    ended = await story.settled(BROKEN)

    assert PUT_BACK == ended.state, ended.shown
    assert not await story.complete(job)
    assert story.unchanged([BROKEN])
    assert root_before == await worker.run("stat -c '%u:%g %a' / /opt /etc")
    assert "" == await worker.run("find / -xdev \\( -name planted -o -path '/opt/*kata*' \\) -not -path '/proc/*'")
    assert [] == await story.complaints()


async def test_a_disk_that_fills_up_while_unpacking_is_left_as_it_was(story: Story) -> None:
    """The check before has passed, because the site asks for little."""
    story.change(kata={"min_free_bytes": 1 << 20, "min_free_inodes": 10})
    await put_all(story, {BROKEN: WITHOUT_KATA})
    worker = story.lab.workers[BROKEN]
    await worker.fill_opt(4 << 20)
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.approve(BROKEN)
    ended = await story.settled(BROKEN)

    assert PUT_BACK == ended.state, ended.shown
    assert "No space left on device" in ended.shown
    assert not await story.complete(job)
    assert "" == await worker.run("find /opt -mindepth 1 -name '*kata*'")
    assert [] == await story.complaints()


@pytest.mark.parametrize("spoil", [repeat_handler, break_syntax])
async def test_a_configuration_that_containerd_refuses_is_a_diagnosis_and_stays_untouched(
    story: Story, spoil: Callable[[Machine], None]
) -> None:
    """containerd runs on with what it read at its start; a restart would be its end."""
    await put_all(story, {BROKEN: WITHOUT_HANDLER})
    spoil(story.lab.workers[BROKEN])
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    ended = await story.settled(BROKEN)

    assert "Diagnosed, not repaired" == ended.state, ended.shown
    assert "config.toml" in ended.shown
    assert () == ended.actions
    assert not await story.complete(job)
    assert story.unchanged(story.lab.workers)
    assert [] == await story.complaints()


async def test_without_a_waiver_a_worker_that_cannot_run_micro_vms_is_diagnosed(story: Story) -> None:
    story.change(checks={"waive": {}})
    await put_all(story, {BROKEN: WITHOUT_SHIM})
    await story.begin()
    await story.create_job(kata_job("create", node=BROKEN))
    ended = await story.settled(BROKEN)

    assert "Diagnosed, not repaired" == ended.state, ended.shown
    assert "/dev/kvm" in ended.shown
    assert story.unchanged(story.lab.workers)
    assert [] == await story.complaints()


async def test_near_misses_make_no_card(story: Story) -> None:
    """A build that fails, an image that is nowhere, a pod that fits nowhere, and a job that is none of IMS's."""
    healthy = "ncn-w002"
    await put_all(story, {BROKEN: WITHOUT_SHIM})
    await story.begin()
    near = (failing_job(healthy), imageless_job(healthy), oversized_job(), tenants_job("nightly", BROKEN))
    for job in near:
        await story.create_job(job)
    await story.sandbox_refused("nightly")
    await asyncio.sleep(_LOOKED_AT_S)

    assert [] == list(cards(story.slack))
    assert [] == await story.complaints()


async def test_a_repair_that_the_canary_disproves_is_undone_and_the_label_with_it(story: Story) -> None:
    """The label has got lost after the pod was bound, so it is the bot that sets it, and takes it away again."""
    await put_all(story, {BROKEN: WITHOUT_SHIM})
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.pod_of(job, lambda pod: bool(pod["spec"].get("nodeName")))
    await story.label(BROKEN, value=None)
    worker = story.lab.workers[BROKEN]

    def take_the_shim_away(record: Record) -> None:
        """As soon as the test sandbox has started, so that the canary meets the old failure again."""
        if record["event"] == "Ended" and record.get("act") == "sandbox":
            worker.host_path("/usr/local/bin/containerd-shim-kata-qemu-v2").unlink()

    story.on_record = take_the_shim_away
    await story.begin()
    card = await story.approve(BROKEN)
    assert KATA_LABEL in card.shown
    ended = await story.settled(BROKEN)

    assert PUT_BACK == ended.state, ended.shown
    assert "verify-canary" in ended.shown
    assert KATA_LABEL not in (await story.admin.get(NODES, BROKEN))["metadata"]["labels"]
    assert not await story.complete(job)
    assert [] == await story.complaints()


async def test_a_repair_that_the_canary_cannot_judge_is_kept_and_said(story: Story) -> None:
    """The canary's image is nowhere, which says nothing about Kata."""
    story.change(canary={"image": "registry.local/imsbot-lab/gone:1", "timeout_s": 20})
    await put_all(story, {BROKEN: WITHOUT_SHIM})
    await story.begin()
    job = await story.create_job(kata_job("create", node=BROKEN))
    await story.approve(BROKEN)
    ended = await story.settled(BROKEN)

    assert "Repaired, not proven" == ended.state, ended.shown
    await story.completed(job)
    assert [] == await story.complaints()

"""The digest, and what makes a person answer again."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import msgspec

from bot.core.facts import NodeFacts
from bot.core.model import Disruption, Plan
from bot.core.plan import digest, what_changed, within
from bot.steps.planner import make_plan
from tests.unit.steps import samples


def plan(node: NodeFacts | None = None, **changes: object) -> Plan:
    found = make_plan(samples.situation(node or samples.unconfigured_node(), **changes))
    assert isinstance(found, Plan), found
    return found


def noisy(seed: int) -> Plan:
    """Another gather of the same node: everything that changes by itself has changed."""
    dice = random.Random(seed)
    node = samples.unconfigured_node()
    rooms = {
        place: replace(room, free_bytes=dice.randrange(10**10, 10**12), free_inodes=dice.randrange(10**5, 10**7))
        for place, room in node.space.rooms.items()
    }
    node = replace(
        node,
        host=replace(node.host, boot_id=f"boot-{seed}"),
        unit=replace(node.unit, age_s=dice.uniform(1, 1e6)),
        config_file=replace(node.config_file, age_s=dice.randrange(10**6)),
        space=replace(node.space, rooms=rooms),
        ours=replace(node.ours, backups=(f"/var/lib/imsbot/backup/{seed}/x",)),
    )
    pods = tuple(samples.pod(f"other-{seed}-{i}") for i in range(dice.randrange(5)))
    api = samples.api_node()
    api = msgspec.structs.replace(api, metadata=msgspec.structs.replace(api.metadata, resource_version=str(seed)))
    facts = samples.facts(
        node,
        now=samples.NOW + timedelta(seconds=dice.randrange(10**6)),
        cluster=samples.cluster(node=api, pods_on_node=pods),
    )
    return plan(facts=facts)


def test_a_hundred_noisy_gathers_give_one_digest() -> None:
    assert {noisy(seed).digest for seed in range(100)} == {plan().digest}


def test_the_digest_covers_what_is_approved() -> None:
    approved = plan()
    other_file = samples.configured(samples.unconfigured_node(), samples.CONFIG + "# changed\n")
    assert plan(other_file).digest != approved.digest
    steps = approved.steps
    assert digest("another cluster", approved.target, steps) != approved.digest
    assert digest(approved.cluster_uid, approved.target, steps[1:]) != approved.digest
    worse = msgspec.structs.replace(steps[2], disruption=Disruption.RESTART_KILLS)
    assert digest(approved.cluster_uid, approved.target, (*steps[:2], worse, *steps[3:])) != approved.digest


def test_the_archives_checksum_is_part_of_the_digest() -> None:
    node = samples.node_facts()
    node = replace(node, kata_config=replace(node.kata_config, missing=("/opt/kata/libexec/virtiofsd",)))
    archive = {"version": "3.17.0", "url": "https://packages.local/k.tar.xz", "sha256": "cd" * 32}
    assert plan(node).digest != plan(node, settings=samples.settings(kata={"archive": archive})).digest


def test_a_plan_that_needs_less_than_was_approved_may_go() -> None:
    approved = plan()
    less = msgspec.structs.replace(approved, steps=approved.steps[2:])
    assert within(less, approved)


def test_a_step_that_is_new_or_changed_is_asked_again() -> None:
    approved = plan()
    less = msgspec.structs.replace(approved, steps=approved.steps[2:])
    assert what_changed(approved, less)[0].startswith("new: cordon ncn-w001")
    edited = plan(samples.configured(samples.unconfigured_node(), samples.CONFIG + "# changed\n"))
    assert what_changed(edited, approved) == (
        "changed: add the handlers kata and kata-qemu to /etc/containerd/config.toml "
        "(was: add the handlers kata and kata-qemu to /etc/containerd/config.toml)",
    )


def test_another_order_is_asked_again() -> None:
    approved = plan()
    turned = msgspec.structs.replace(approved, steps=tuple(reversed(approved.steps)))
    assert what_changed(turned, approved) == ("the steps come in another order",)


def test_another_node_object_of_the_same_name_is_asked_again() -> None:
    approved = plan()
    target = msgspec.structs.replace(approved.target, uid="another")
    assert not within(msgspec.structs.replace(approved, target=target), approved)


def test_a_further_job_that_would_die_is_asked_again() -> None:
    approved = msgspec.structs.replace(plan(), dies=("ims/a",))
    assert within(msgspec.structs.replace(approved, dies=()), approved)
    more = msgspec.structs.replace(approved, dies=("ims/a", "ims/b"))
    assert what_changed(more, approved) == ("ims/b would die now",)


def test_a_file_that_came_out_of_the_pinned_archive_may_have_any_preimage() -> None:
    node = samples.node_facts()
    empty = replace(node.kata_config, present=False, content=b"", enable_annotations=())
    tree = replace(node.kata_tree, kind="absent", version=None, shim=False)
    approved = plan(replace(node, kata_config=empty, kata_tree=tree))
    tune = next(s for s in approved.steps if s.name == "tune")
    assert json.loads(tune.desired)["preimage"] is None
    stock = replace(node.kata_config, content=samples.KATA_TOML.encode(), enable_annotations=("enable_iommu",))
    stock = replace(stock, content=stock.content.replace(b'"virtio_fs_extra_args", ', b""))
    later = plan(replace(node, kata_config=stock))
    assert next(s for s in later.steps if s.name == "tune").desired != tune.desired
    assert within(later, approved)


def test_no_secret_gets_into_a_plan() -> None:
    assert "hunter2" not in repr(plan())

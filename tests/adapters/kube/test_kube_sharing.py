"""Shared parts: nothing changes but how often equal things are there."""

import msgspec

from bot.adapters.kube.sharing import Sharing
from bot.core.objects import Pod
from tests.bench.rss import ims_pod


def pods(count: int) -> list[Pod]:
    encoded = [msgspec.json.encode(ims_pod(number)) for number in range(count)]
    return [msgspec.json.decode(each, type=Pod) for each in encoded]


def test_a_shared_object_equals_what_came() -> None:
    sharing = Sharing()
    shared = [sharing.share(pod) for pod in pods(5)]
    assert pods(5) == shared
    assert [msgspec.json.encode(pod) for pod in pods(5)] == [msgspec.json.encode(pod) for pod in shared]


def test_equal_parts_are_one_and_differing_ones_stay_apart() -> None:
    sharing = Sharing()
    one, other = (sharing.share(pod) for pod in pods(2))
    assert one.spec.node_selector is other.spec.node_selector
    assert one.spec.tolerations is other.spec.tolerations
    assert one.spec.containers[0].resources is other.spec.containers[0].resources
    assert one.spec.containers[0].env is not None
    assert other.spec.containers[0].env is not None
    job, arch = zip(one.spec.containers[0].env[:2], other.spec.containers[0].env[:2], strict=True)
    assert job[0] != job[1]
    assert arch[0] is arch[1]


def test_what_repeats_is_shared_again_after_all_was_forgotten() -> None:
    sharing = Sharing()
    first, *between, last, after = (sharing.share(pod) for pod in pods(600))
    assert len(between) == 597
    assert first.spec.node_selector == last.spec.node_selector
    assert last.spec.node_selector is after.spec.node_selector

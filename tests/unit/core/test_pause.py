"""When a pause holds, and what the cluster's key means."""

import pytest

from bot.core.model import Actor
from bot.core.pause import (
    NO_REASON,
    Door,
    Paused,
    PauseRecord,
    Resumed,
    Unclear,
    halt_text,
    in_force,
    reason_in,
    way_out,
)
from tests.unit.core.samples import at

ROOT = Actor(via="cli", user="root")


def paused(door: Door, reason: str = "why") -> Paused:
    return Paused(at=at(0), door=door, actor=ROOT, reason=reason)


def resumed(door: Door) -> Resumed:
    return Resumed(at=at(1), door=door, actor=ROOT)


def test_each_halt_goes_on_after_the_bot_is() -> None:
    by_cluster = Paused(at(0), Door.CLUSTER, Actor(via="kube", user="ns/imsbot"), "upgrade")
    assert "paused by root: why" == halt_text(paused(Door.TERMINAL))
    assert "paused by the ConfigMap ns/imsbot: upgrade" == halt_text(by_cluster)
    assert "perhaps paused: the ConfigMap's key cannot be read (403)" == halt_text(Unclear(at(0), "403"))


def test_what_ends_a_pause_is_a_command_to_copy() -> None:
    by_cluster = Paused(at(0), Door.CLUSTER, Actor(via="kube", user="ns/imsbot"), "upgrade")
    patch = """kubectl patch configmap imsbot -n ns --type merge -p '{"data":{"pause":null}}'"""
    assert f"`{patch}`" == way_out(by_cluster)
    assert "`imsbot resume`" == way_out(paused(Door.TERMINAL))


HERE, THERE = Door.TERMINAL, Door.CLUSTER


@pytest.mark.parametrize(
    ("records", "doors"),
    [
        ([], set()),
        ([paused(HERE)], {HERE}),
        ([paused(HERE), resumed(HERE)], set()),
        ([paused(HERE), resumed(THERE)], {HERE}),
        ([paused(HERE), paused(THERE), resumed(HERE)], {THERE}),
        ([paused(HERE), resumed(HERE), paused(HERE, "again")], {HERE}),
    ],
)
def test_the_last_record_of_each_door_counts(records: list[PauseRecord], doors: set[Door]) -> None:
    assert doors == set(in_force(records))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, None),
        ("", None),
        ("  \n", None),
        ("false", None),
        ("False", None),
        ("true", NO_REASON),
        ("upgrade of CSM", "upgrade of CSM"),
        ("no", "no"),
        ("a\u202eb", "a\\u202eb"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_whatever_stands_in_the_key_pauses_but_nothing_and_false(value: str | None, reason: str | None) -> None:
    assert reason == reason_in(value)

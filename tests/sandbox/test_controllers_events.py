"""The simulated event recorders: counts, aggregation, the spam filter and the scheduler's series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.api import EVENTS, NAMESPACES, PODS, KubeObject, Registry
from tests.sandbox.controllers.events import EventRecorder, SeriesRecorder


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    registry = Registry(clock=clock)
    registry.create(NAMESPACES, {"metadata": {"name": "ims"}})
    return registry


@pytest.fixture
def pod(registry: Registry) -> KubeObject:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    return registry.create(PODS, {"metadata": {"name": "x"}, "spec": spec}, "ims")


def told(registry: Registry) -> list[tuple[str, int]]:
    return [(event["message"], event["count"]) for event in registry.list(EVENTS)]


def test_same_text_raises_the_count_of_one_event(registry: Registry, clock: Clock, pod: KubeObject) -> None:
    kubelet = EventRecorder(registry, "kubelet", "ncn-w001")
    for _ in range(3):
        kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "no runtime")
        clock.pass_by(seconds=13)
    (event,) = registry.list(EVENTS)
    assert ("no runtime", 3) == (event["message"], event["count"])
    assert ("2026-01-01T00:00:00Z", "2026-01-01T00:00:26Z") == (event["firstTimestamp"], event["lastTimestamp"])
    assert {"component": "kubelet", "host": "ncn-w001"} == event["source"]


def test_tenth_different_text_is_combined(registry: Registry, clock: Clock, pod: KubeObject) -> None:
    kubelet = EventRecorder(registry, "kubelet", "ncn-w001")
    for attempt in range(12):
        kubelet.record(pod, "Warning", "FailedCreatePodSandBox", f"sandbox {attempt:064x} failed")
        clock.pass_by(seconds=13)
    combined = [(text, count) for text, count in told(registry) if text.startswith("(combined")]
    assert [(f"(combined from similar events): sandbox {11:064x} failed", 3)] == combined
    assert 10 == len(registry.list(EVENTS))


def test_quiet_for_ten_minutes_ends_the_combination(registry: Registry, clock: Clock, pod: KubeObject) -> None:
    kubelet = EventRecorder(registry, "kubelet", "ncn-w001")
    for attempt in range(9):
        kubelet.record(pod, "Warning", "FailedCreatePodSandBox", f"text {attempt}")
    clock.pass_by(seconds=601)
    kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "text 9")
    assert ("text 9", 1) in told(registry)


def test_beyond_25_per_object_events_are_dropped(registry: Registry, clock: Clock, pod: KubeObject) -> None:
    kubelet = EventRecorder(registry, "kubelet", "ncn-w001")
    for _ in range(40):
        kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "no runtime")
    assert [("no runtime", 25)] == told(registry)
    clock.pass_by(seconds=300)
    kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "no runtime")
    assert [("no runtime", 41)] == told(registry)


def test_a_deleted_event_is_written_anew(registry: Registry, pod: KubeObject) -> None:
    kubelet = EventRecorder(registry, "kubelet", "ncn-w001")
    kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "no runtime")
    registry.delete(EVENTS, registry.list(EVENTS)[0]["metadata"]["name"], "ims")
    kubelet.record(pod, "Warning", "FailedCreatePodSandBox", "no runtime")
    assert [("no runtime", 2)] == told(registry)


def test_scheduler_repeats_only_open_a_series(registry: Registry, clock: Clock, pod: KubeObject) -> None:
    scheduler = SeriesRecorder(registry, "default-scheduler", "default-scheduler-ncn-m001")
    scheduler.record(pod, "Warning", "FailedScheduling", "Scheduling", "first text")
    clock.pass_by(seconds=30)
    scheduler.record(pod, "Warning", "FailedScheduling", "Scheduling", "other text")
    (event,) = registry.list(EVENTS)
    assert ("first text", {"count": 2, "lastObservedTime": "2026-01-01T00:00:30.000000Z"}) == (
        event["message"],
        event["series"],
    )

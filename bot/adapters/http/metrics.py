"""The metrics, each read off its source at the moment of the scrape (deploy/observability.md explains them).

Incidents and steps are counted over the whole journal, which is loaded at the start of the program: so these
counters go on over a restart, and nothing has to be remembered twice. Every value of a label is there from the
start with 0, because an alert on a rate never sees the first increase of a series that did not exist before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from bot.adapters.http.durations import StepDurations
from bot.adapters.kube.watch import Progress
from bot.core.drift import State
from bot.core.incident import Incident, Phase
from bot.core.model import Family, Result
from bot.core.sweep import Ended

Readiness = Mapping[str, Callable[[], str | None]]
"""Part -> why it cannot be relied on now; `None` while it can."""

Counts = Callable[[], Iterable[tuple[str, int]]]
"""(value of the label, how often)."""

REQUESTED: Final = "requested"
DRIFT: Final = "drift"
"""In the place of a family, for incidents that a person asked for and that a sweep found."""

FAMILIES: Final = (*(family.value for family in Family if family is not Family.UNRELATED), REQUESTED, DRIFT)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from; each is asked at every scrape and answers at once, from memory."""

    incidents: Callable[[], Sequence[Incident]]
    unreadable: Callable[[], int]
    """How many the journal has beside them: they stand as held ones do, and a person has to look."""
    watches: Callable[[], Sequence[Progress]]
    dropped: Counts
    ssh_failures: Counts
    ready: Readiness
    sweeps_begun_at: Callable[[], datetime | None]
    """From when on there should have been sweeps."""
    last_sweep: Callable[[], Ended | None]
    halted: Callable[[], bool]
    """Whether the bot is paused, or cannot know that it is not: no new command starts."""
    defects: Callable[[], int]
    """How many errors of our own were met."""
    monotonic: Callable[[], float]


def build_registry(sources: Sources) -> CollectorRegistry:
    """Ours, and what Linux knows of the process. Not the library's global registry: nothing else gets in."""
    registry = CollectorRegistry()
    registry.register(Metrics(sources))
    ProcessCollector(registry=registry)
    return registry


class Metrics(Collector):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the registry would collect everything once to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        incidents = self._sources.incidents()
        yield InfoMetricFamily(
            "imsbot_build", "The running program.", value={"version": version("ims-remediation-bot")}
        )
        yield self._ready()
        yield from self._watches()
        yield _counter(
            "imsbot_dropped", "What was heard and led to no incident.", "reason", self._sources.dropped()
        )
        yield _opened(incidents)
        yield _closed(incidents)
        phases = Counter(incident.phase for incident in incidents)
        phases[Phase.HELD] += self._sources.unreadable()
        yield _open(phases)
        yield _gauge("imsbot_approvals_open", "Questions that wait for an answer.", phases[Phase.ASKED])
        yield _durations(incidents)
        yield _counter(
            "imsbot_ssh_failures", "Failed connections to nodes.", "reason", self._sources.ssh_failures()
        )
        yield CounterMetricFamily("imsbot_defects", "Errors of the bot's own.", self._sources.defects())
        yield _gauge("imsbot_paused", "Whether new commands are kept from starting.", self._sources.halted())
        if (begun_at := self._sources.sweeps_begun_at()) is not None:
            yield _gauge(
                "imsbot_sweep_scheduled_timestamp_seconds", "Since when there are sweeps.", begun_at.timestamp()
            )
        if (swept := self._sources.last_sweep()) is not None:
            yield from _sweep(swept)

    def _ready(self) -> Metric:
        family = GaugeMetricFamily(
            "imsbot_ready", "Whether this part can be relied on, as /readyz says.", labels=["part"]
        )
        for part, why_not in self._sources.ready.items():
            family.add_metric([part], why_not() is None)
        return family

    def _watches(self) -> Iterator[Metric]:
        watches = self._sources.watches()
        now_s = self._sources.monotonic()
        for name, what, counts in (
            ("events", "Changes and bookmarks that a watch has said.", ((w.name, w.lines) for w in watches)),
            ("lists", "Lists read from the beginning.", ((w.name, w.lists) for w in watches)),
            ("undecodable", "Objects that could not be read.", ((w.name, w.undecodable) for w in watches)),
        ):
            yield _counter(f"imsbot_watch_{name}", what, "watch", counts)
        silence = GaugeMetricFamily(
            "imsbot_watch_silence_seconds",
            "Since the API server last said anything on this watch, bookmarks included.",
            labels=["watch"],
        )
        for watch in watches:
            silence.add_metric([watch.name], max(0.0, now_s - watch.active_at))
        yield silence


def _opened(incidents: Sequence[Incident]) -> Metric:
    opened = Counter(_family(incident) for incident in incidents)
    counts = ((family, opened[family]) for family in FAMILIES)
    return _counter("imsbot_incidents_opened", "Incidents by the failure that they began with.", "family", counts)


def _closed(incidents: Sequence[Incident]) -> Metric:
    closed = Counter((_family(incident), incident.result) for incident in incidents if incident.result)
    family = CounterMetricFamily(
        "imsbot_incidents_closed", "Incidents by family and by how they ended.", labels=["family", "result"]
    )
    for name in FAMILIES:
        for result in Result:
            family.add_metric([name, result.value], closed[name, result])
    return family


def _open(phases: Mapping[Phase, int]) -> Metric:
    family = GaugeMetricFamily("imsbot_incidents_open", "Open incidents by where they stand.", labels=["phase"])
    for phase in Phase:
        if phase is not Phase.CLOSED:
            family.add_metric([phase.value], phases.get(phase, 0))
    return family


def _durations(incidents: Sequence[Incident]) -> Metric:
    family = HistogramMetricFamily(
        "imsbot_step_duration_seconds",
        "How long the steps of repairs and of their undos took.",
        labels=["step", "plan", "outcome"],
    )
    for (step, plan, outcome), found in StepDurations.of(incidents).items():
        family.add_metric([step, plan, outcome], found.buckets(), found.sum_s)
    return family


def _sweep(swept: Ended) -> Iterator[Metric]:
    yield _gauge("imsbot_sweep_last_success_timestamp_seconds", "When a sweep last ended.", swept.at.timestamp())
    counts = Counter({State.FINE: swept.fine}) + Counter(row.state for row in swept.rows)
    family = GaugeMetricFamily("imsbot_sweep_nodes", "What the last sweep said of the nodes.", labels=["state"])
    for state in State:
        family.add_metric([state.value], counts[state])
    yield family


def _family(incident: Incident) -> str:
    """How it began: what is seen later must not move it from one counter to another."""
    if incident.began_with is not None:
        return incident.began_with.value
    return REQUESTED if incident.swept is None else DRIFT


def _counter(name: str, what: str, label: str, counts: Iterable[tuple[str, int]]) -> Metric:
    family = CounterMetricFamily(name, what, labels=[label])
    for value, count in counts:
        family.add_metric([str(value)], count)
    return family


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)

"""What must hold when all is over, whatever was broken meanwhile: judged by what is left.

It knows neither sandbox nor lab: both collect what is left (`Remains`) and have it judged here. Each complaint is
a sentence for a person; none means that all is well.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.adapters.journal_sqlite import read_contents
from bot.core import entries as e
from bot.core.lifecycle import Incident, fold
from tests.sandbox.nodes.state import CONFIG
from tests.sandbox.whole.cards import CardView

KubeObject = Mapping[str, Any]
_MARK = "ims-remediation-bot/"
_RESTARTING = "restart"
_SHIM_HANDLERS = ("kata", "kata-qemu")


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a story. Mappings are by node name."""

    journal: Path
    cards: Sequence[CardView]
    nodes: Sequence[KubeObject]
    leases: Sequence[KubeObject]
    """Of the bot's namespace."""
    ims_pods: Sequence[KubeObject]
    before: Mapping[str, bytes]
    """containerd's configuration of the beginning."""
    now: Mapping[str, bytes]
    restarts: Mapping[str, int]
    """How often containerd came up since the beginning, whoever restarted it."""
    cordoned: frozenset[str] = frozenset()
    """Nodes that somebody else cordoned: they must still be."""


def journaled(journal: Path) -> list[Incident]:
    """Every incident, as the journal tells it."""
    histories = read_contents(journal).histories
    return [fold(key, history.entries) for key, history in histories.items() if history.entries]


def complaints(remains: Remains) -> list[str]:
    incidents = journaled(remains.journal)
    return [
        *_open_ends(remains, incidents),
        *_cordons(remains),
        *_torn_configurations(remains),
        *_twice(remains),
        *_restarts(remains, incidents),
        *_leases(remains),
        *_leftovers(remains),
    ]


def _open_ends(remains: Remains, incidents: list[Incident]) -> Iterator[str]:
    for incident in incidents:
        if incident.open:
            yield f"incident {incident.id} on {incident.target.name} is still {incident.phase}"
    shown = Counter(card.subject for card in remains.cards)
    for incident in incidents:
        if shown[incident.id] > 1:
            yield f"incident {incident.id} has {shown[incident.id]} cards"
    ids = {incident.id for incident in incidents}
    for card in remains.cards:
        if card.subject in ids and not card.ended:
            yield f"the card of incident {card.subject} does not show an end: {card.headline}"
        if card.actions:
            yield f"the card of {card.subject} still has buttons"


def _cordons(remains: Remains) -> Iterator[str]:
    for node in remains.nodes:
        name = node["metadata"]["name"]
        cordoned = bool((node.get("spec") or {}).get("unschedulable"))
        if cordoned and name not in remains.cordoned:
            yield f"{name} is still cordoned"
        if not cordoned and name in remains.cordoned:
            yield f"{name} was cordoned by somebody else and is not any more"
        if f"{_MARK}cordon" in (node["metadata"].get("annotations") or {}):
            yield f"{name} still carries the mark of our cordon"


def _torn_configurations(remains: Remains) -> Iterator[str]:
    """Old, or new and whole: all that was there is there, and nothing but the Kata handlers was added."""
    for name, now in remains.now.items():
        before = remains.before[name]
        if now == before:
            continue
        lines = now.splitlines()
        if any(line not in lines for line in before.splitlines()):
            yield f"{name}: {CONFIG} has lost lines"
        try:
            document = tomllib.loads(now.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            yield f"{name}: {CONFIG} is torn: {error}"
            continue
        plugin = "io.containerd.grpc.v1.cri" if document["version"] < 3 else "io.containerd.cri.v1.runtime"
        runtimes = document["plugins"][plugin]["containerd"]["runtimes"]
        for handler in _SHIM_HANDLERS:
            if handler not in runtimes:
                yield f"{name}: {CONFIG} was changed but has no handler {handler}"


def _twice(remains: Remains) -> Iterator[str]:
    """A command whose outcome was good must not have been begun again in the same step."""
    for key, history in read_contents(remains.journal).histories.items():
        ended: Counter[tuple[str, str]] = Counter()
        acts = {entry.seq: entry for entry in history.entries if isinstance(entry, e.Intended)}
        for entry in history.entries:
            if isinstance(entry, e.Ended) and entry.outcome.kind.value == "ok":
                act = acts[entry.seq]
                ended[act.step, act.key] += 1
        for (step, act_key), times in ended.items():
            if times > 1:
                yield f"incident {key}: {step} did {act_key} {times} times"


def _restarts(remains: Remains, incidents: list[Incident]) -> Iterator[str]:
    """The workers themselves are asked: what is not journaled shows here."""
    told: Counter[str] = Counter()
    for incident in incidents:
        acts = [act for step in (*incident.steps, *incident.undo) for act in step.acts]
        name = incident.chosen.node.name if incident.chosen else incident.target.name
        told[name] += sum(act.key == _RESTARTING for act in acts)
    for name, times in remains.restarts.items():
        if times > told[name]:
            yield f"{name}: containerd was restarted {times} times, {told[name]} of them are journaled"


def _leases(remains: Remains) -> Iterator[str]:
    now = datetime.now(UTC)
    for lease in remains.leases:
        if _held(lease, now):
            yield f"the Lease {lease['metadata']['name']} is still held by {lease['spec']['holderIdentity']}"


def _held(lease: KubeObject, now: datetime) -> bool:
    spec = lease["spec"]
    if not spec.get("holderIdentity"):
        return False
    renewed = datetime.fromisoformat(spec["renewTime"])
    return now - renewed < timedelta(seconds=spec["leaseDurationSeconds"])


def _leftovers(remains: Remains) -> Iterator[str]:
    for pod in remains.ims_pods:
        if f"{_MARK}incident" in (pod["metadata"].get("labels") or {}):
            yield f"the canary pod {pod['metadata']['name']} is still there"

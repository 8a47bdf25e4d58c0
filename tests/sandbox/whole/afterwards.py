"""What must hold when all is over, whatever was broken meanwhile: by the cluster, the nodes and the journal.

Each complaint is a sentence for a person; none means that all is well.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from bot.adapters.journal_sqlite import read_journal
from bot.core import entries as e
from bot.core.lifecycle import Incident, fold
from tests.sandbox.api import LEASES, NODES, PODS, KubeObject
from tests.sandbox.controllers import IMS_NAMESPACE
from tests.sandbox.nodes.state import CONFIG
from tests.sandbox.whole.access import LEASE_NAMESPACE
from tests.sandbox.whole.cards import cards
from tests.sandbox.whole.sandbox import Sandbox

_MARK = "ims-remediation-bot/"
_RESTARTING = "restart"
_SHIM_HANDLERS = ("kata", "kata-qemu")


def complaints(sandbox: Sandbox, before: Mapping[str, bytes]) -> list[str]:
    """`before` is each worker's containerd configuration of the beginning (`configurations`)."""
    incidents = journaled(sandbox)
    return [
        *_open_ends(sandbox, incidents),
        *_cordons(sandbox),
        *_torn_configurations(sandbox, before),
        *_twice(sandbox),
        *_restarts(sandbox),
        *_leases(sandbox),
        *_leftovers(sandbox),
    ]


def configurations(sandbox: Sandbox) -> dict[str, bytes]:
    """Node name -> the bytes of containerd's configuration on its disk."""
    return {node.name: node.files.host_path(CONFIG).read_bytes() for node in sandbox.nodes}


def journaled(sandbox: Sandbox) -> list[Incident]:
    """Every incident, as the journal tells it."""
    histories = read_journal(sandbox.folder / "state/journal.sqlite")
    return [fold(key, history.entries) for key, history in histories.items() if history.entries]


def _open_ends(sandbox: Sandbox, incidents: list[Incident]) -> Iterator[str]:
    for incident in incidents:
        if incident.open:
            yield f"incident {incident.id} on {incident.target.name} is still {incident.phase}"
    shown = Counter(card.subject for card in cards(sandbox.slack))
    for incident in incidents:
        if shown[incident.id] > 1:
            yield f"incident {incident.id} has {shown[incident.id]} cards"
    for card in cards(sandbox.slack):
        if not card.ended:
            yield f"the card of incident {card.subject} does not show an end: {card.headline}"
        if card.actions:
            yield f"the card of incident {card.subject} still has buttons"


def _cordons(sandbox: Sandbox) -> Iterator[str]:
    for node in sandbox.registry.list(NODES):
        name = node["metadata"]["name"]
        if (node.get("spec") or {}).get("unschedulable"):
            yield f"{name} is still cordoned"
        if f"{_MARK}cordon" in (node["metadata"].get("annotations") or {}):
            yield f"{name} still carries the mark of our cordon"


def _torn_configurations(sandbox: Sandbox, before: Mapping[str, bytes]) -> Iterator[str]:
    """Old, or new and whole: all that was there is there, and nothing but the Kata handlers was added."""
    for name, now in configurations(sandbox).items():
        if now == before[name]:
            continue
        lines = now.splitlines()
        if any(line not in lines for line in before[name].splitlines()):
            yield f"{name}: {CONFIG} has lost lines"
        try:
            document = tomllib.loads(now.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            yield f"{name}: {CONFIG} is torn: {error}"
            continue
        runtimes = document["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]
        for handler in _SHIM_HANDLERS:
            if handler not in runtimes:
                yield f"{name}: {CONFIG} was changed but has no handler {handler}"


def _twice(sandbox: Sandbox) -> Iterator[str]:
    """A command whose outcome was good must not have been begun again in the same step."""
    for key, history in read_journal(sandbox.folder / "state/journal.sqlite").items():
        ended: Counter[tuple[str, str]] = Counter()
        acts = {entry.seq: entry for entry in history.entries if isinstance(entry, e.Intended)}
        for entry in history.entries:
            if isinstance(entry, e.Ended) and entry.outcome.kind.value == "ok":
                act = acts[entry.seq]
                ended[act.step, act.key] += 1
        for (step, act_key), times in ended.items():
            if times > 1:
                yield f"incident {key}: {step} did {act_key} {times} times"


def _restarts(sandbox: Sandbox) -> Iterator[str]:
    """The workers themselves are asked: what is not journaled shows here."""
    journaled_: Counter[str] = Counter()
    for incident in journaled(sandbox):
        acts = [act for step in (*incident.steps, *incident.undo) for act in step.acts]
        name = incident.chosen.node.name if incident.chosen else incident.target.name
        journaled_[name] += sum(act.key == _RESTARTING for act in acts)
    for name, times in sandbox.restarts.items():
        if times > journaled_[name]:
            yield f"{name}: containerd was restarted {times} times, {journaled_[name]} of them are journaled"


def _leases(sandbox: Sandbox) -> Iterator[str]:
    now = datetime.now(UTC)
    for lease in sandbox.registry.list(LEASES, LEASE_NAMESPACE):
        if _held(lease, now):
            yield f"the Lease {lease['metadata']['name']} is still held by {lease['spec']['holderIdentity']}"


def _held(lease: KubeObject, now: datetime) -> bool:
    spec = lease["spec"]
    if not spec.get("holderIdentity"):
        return False
    renewed = datetime.fromisoformat(spec["renewTime"])
    return now - renewed < timedelta(seconds=spec["leaseDurationSeconds"])


def _leftovers(sandbox: Sandbox) -> Iterator[str]:
    for pod in sandbox.registry.list(PODS, IMS_NAMESPACE):
        if f"{_MARK}incident" in (pod["metadata"].get("labels") or {}):
            yield f"the canary pod {pod['metadata']['name']} is still there"

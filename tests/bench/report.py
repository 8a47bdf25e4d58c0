"""`build/bench.json`: what was measured last. A part that is run again replaces its own numbers only."""

from __future__ import annotations

from pathlib import Path

import msgspec

SIZES = ("1", "10", "50")
"""Nodes of a sweep."""


class EventsPerSecond(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot: float
    kopf: float
    floor: float


class ResidentMib(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    idle: float
    ten_thousand_pods: float


class SweepSeconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number of nodes -> seconds."""

    bot: dict[str, float]
    ansible: dict[str, float]


class RepairSeconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot: float
    ansible: float
    bare_ssh: float


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part that was never run is absent."""

    events_per_s: EventsPerSecond | None = None
    rss_mib: ResidentMib | None = None
    sweep_s: SweepSeconds | None = None
    repair_s: RepairSeconds | None = None


Part = EventsPerSecond | ResidentMib | SweepSeconds | RepairSeconds


def merge(path: Path, part: Part) -> Report:
    """Put one part's numbers into the file; raises msgspec.ValidationError when it is not such a file."""
    known = msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else Report()
    match part:
        case EventsPerSecond():
            report = msgspec.structs.replace(known, events_per_s=part)
        case ResidentMib():
            report = msgspec.structs.replace(known, rss_mib=part)
        case SweepSeconds():
            report = msgspec.structs.replace(known, sweep_s=part)
        case RepairSeconds():
            report = msgspec.structs.replace(known, repair_s=part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return report

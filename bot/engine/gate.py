"""Whether a new incident is asked about at once, or waits unasked until a person picks it (design.md 4.1, hop 3).

It blocks entry only: a repair that began is never touched. Quiet rules come before it (`core/quiet`).
"""

from collections.abc import Sequence

from bot.core import entries as e
from bot.core.incident import Incident
from bot.core.model import Family, IncidentId, Sighting, Target
from bot.core.quiet import attempts
from bot.core.storm import Barometer
from bot.engine.parts import Parts


class Gate:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._barometer = Barometer(parts.settings.limits)

    def recall(self, incident: Incident) -> None:
        """An open incident of the journal counts for storms as if the program had never stopped."""
        clock = self._parts.clock
        self._barometer.recall(incident, clock.monotonic() - (clock.now() - incident.opened_at).total_seconds())

    def stop(
        self, incident: IncidentId, target: Target, sighting: Sighting, past: Sequence[Incident]
    ) -> e.Unasked | None:
        """Why the incident that is being opened must wait, if so. `past` are the closed ones of its target."""
        now = self._parts.clock.now()
        if (tried := self._tried_too_often(sighting.family, past)) is not None:
            why = f"{target.name} was repaired {tried} times lately and fails again: look for the cause first"
            return e.Unasked(at=now, why=why)
        if target.node is None:
            return None
        workers, now_s = len(self._parts.world.workers()), self._parts.clock.monotonic()
        storm = self._barometer.count(sighting.family, target.name, incident, workers, now_s)
        return None if storm is None else e.Unasked(at=now, why=storm.why, storm=storm.name)

    def _tried_too_often(self, family: Family, past: Sequence[Incident]) -> int | None:
        """How often this target was repaired lately, if configuration or rule allow no more."""
        limits = self._parts.settings.limits
        bounds = [(limits.attempts_per_target, limits.attempts_window_s)]
        rule = self._parts.rules.of(family)
        if rule is not None and rule.limits is not None:
            bounds.append((rule.limits.attempts, rule.limits.window_h * 3600.0))
        now = self._parts.clock.now()
        tried = [(attempts(past, now, window_s), allowed) for allowed, window_s in bounds]
        return next((count for count, allowed in tried if count >= allowed), None)

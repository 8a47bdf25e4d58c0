"""Whether a new incident is asked about at once, waits unasked, or ends at once (design.md 4.1, hop 3).

It blocks entry only: a repair that began is never touched. Quiet rules come before it (`core/quiet`).
"""

from collections.abc import Sequence

from bot.core import entries as e
from bot.core.incident import Incident
from bot.core.model import Blocker, Diagnosis, Family, IncidentId, Sighting, Target
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
    ) -> e.Unasked | e.Diagnosed | None:
        """Why the incident that is being opened is not asked about, if so. `past`: the closed ones of its target.

        A storm has one question for all. Too many attempts are nobody's question but an end that people are told.
        """
        now = self._parts.clock.now()
        if (why := self.tired(target, sighting.family, past)) is not None:
            diagnosis = Diagnosis(sighting.family, why, (Blocker("attempts", why),), _guidance(target))
            return e.Diagnosed(at=now, diagnosis=diagnosis)
        if target.node is None:
            return None
        workers, now_s = len(self._parts.world.workers()), self._parts.clock.monotonic()
        storm = self._barometer.count(sighting.family, target.name, incident, workers, now_s)
        return None if storm is None else e.Unasked(at=now, why=storm.why, storm=storm.name)

    def tired(self, target: Target, family: Family, past: Sequence[Incident]) -> str | None:
        """Why the target is not repaired once more for now."""
        tried = self._tried_too_often(family, past)
        if tried is None:
            return None
        return f"{target.name} was repaired {tried} times lately and fails again: look for the cause first"

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


def _guidance(target: Target) -> tuple[str, ...]:
    return (f"`imsbot repair {target.name}` asks all the same",) if target.node else ()

"""When a foreign Lease has expired: not by its times, but by how long we saw it unchanged.

Clocks of two machines never have to agree this way (client-go's leader election does the same). What was seen
is remembered between tries, so a holder that died is followed one duration after we first met it.
"""

from dataclasses import dataclass

from bot.core.objects import Lease


@dataclass(frozen=True, slots=True)
class _Sight:
    record: tuple[str | None, str | None, int | None]
    since: float


class Sightings:
    """Remembers the foreign holders that were met; times are monotonic seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, _Sight] = {}

    def left_s(self, lease: Lease, default_s: float, now: float) -> float:
        """Seconds that the holder has left as of `now`; zero or less means that it is gone."""
        spec, name = lease.spec, lease.metadata.name
        record = (spec.holder_identity, spec.renew_time, spec.lease_transitions)
        sight = self._seen.get(name)
        if sight is None or sight.record != record:
            sight = self._seen[name] = _Sight(record, now)
        return (spec.lease_duration_seconds or default_s) - (now - sight.since)

    def forget(self, name: str) -> None:
        self._seen.pop(name, None)

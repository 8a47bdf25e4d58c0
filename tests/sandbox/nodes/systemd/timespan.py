"""Time spans as systemd reads and writes them (systemd.time(7)), in seconds here."""

import math
import re

_UNITS = {
    "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")
_SHOWN = (("w", 604800), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def parse_timespan(text: str) -> float:
    """`90`, `1min 30s`, `300ms`, `infinity`. Raises ValueError."""
    if text.strip() == "infinity":
        return math.inf
    position, total = 0, 0.0
    while position < len(text.rstrip()):
        part = _PART.match(text, position)
        if part is None or part[2] not in _UNITS:
            raise ValueError(text)
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position == 0:
        raise ValueError(text)
    return total


def render_timespan(seconds: float) -> str:
    """As `systemctl show` prints it: `1min 30s`, `100ms`, `infinity`."""
    if math.isinf(seconds):
        return "infinity"
    left_us = round(seconds * 1e6)
    parts = []
    for name, size in _SHOWN[:-1]:
        count, left_us = divmod(left_us, size * 1_000_000)
        if count:
            parts.append(f"{count}{name}")
    if left_us >= 1_000_000:
        parts.append(f"{left_us / 1e6:.6f}".rstrip("0").rstrip(".") + "s")
    elif left_us:
        parts.append(f"{left_us / 1e3:.3f}".rstrip("0").rstrip(".") + "ms")
    return " ".join(parts) or "0"

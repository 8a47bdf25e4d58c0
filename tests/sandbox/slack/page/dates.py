"""`<!date^seconds^{date_short} at {time}|fallback>`: a moment in the reader's own time zone.

The tokens are those of docs.slack.dev/messaging/formatting-message-text, in English and the 24-hour clock.
"""

import re
from datetime import datetime

_TOKEN = re.compile(r"\{(\w+)\}")


def format_moment(moment: datetime, now: datetime, template: str) -> str:
    """Fill in the template's tokens. An unknown token stays as it is."""
    return _TOKEN.sub(lambda match: _token(match[1], moment, now) or match[0], template)


def _token(name: str, moment: datetime, now: datetime) -> str | None:
    if name.endswith("_pretty"):
        return _relative_day(moment, now) or _token(name.removesuffix("_pretty"), moment, now)
    match name:
        case "date_num":
            return f"{moment:%Y-%m-%d}"
        case "date":
            return f"{moment:%B} {moment.day}, {moment.year}"
        case "date_short":
            return f"{moment:%b} {moment.day}, {moment.year}"
        case "date_long":
            return f"{moment:%A}, {moment:%B} {moment.day}, {moment.year}"
        case "time":
            return f"{moment:%H:%M}"
        case "time_secs":
            return f"{moment:%H:%M:%S}"
        case "ago":
            return _ago((now - moment).total_seconds())
        case _:
            return None


def _relative_day(moment: datetime, now: datetime) -> str | None:
    return {0: "today", 1: "yesterday", -1: "tomorrow"}.get((now.date() - moment.date()).days)


def _ago(seconds: float) -> str:
    size, unit = next(
        (
            (span, name)
            for span, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"))
            if abs(seconds) >= span
        ),
        (1, "second"),
    )
    amount = round(abs(seconds) / size)
    words = f"{amount} {unit}{'' if amount == 1 else 's'}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"

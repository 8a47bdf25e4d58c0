"""A cron line, checked, in the spelling of the scheduler that will run it.

As in crontab(5): minute, hour, day of month, month, day of week; names, lists, ranges and steps. APScheduler
counts week days from Monday and takes no 7 (library-facts.md), so they become names. cron runs when *either* day
field matches and the scheduler when both do; a line that restricts both is refused rather than guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: Sequence[str] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, ("", *_MONTHS)),
    _Field("day_of_week", 0, 7, (*_WEEK, "sun")),
)


def parse_cron(text: str) -> Mapping[str, str]:
    """APScheduler's name of each field -> its values. Raises ValueError saying which field is wrong."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"{text!r} must have five fields: minute, hour, day of month, month, day of week")
    if words[2] != "*" and words[4] != "*":
        raise ValueError(f"{text!r} restricts both day fields, which cron and people read differently; use one")
    parsed = {}
    for field, word in zip(_FIELDS, words, strict=True):
        values = sorted({value for part in word.split(",") for value in _values(field, part)})
        parsed[field.name] = "*" if word == "*" else ",".join(_spelled(field, values))
    return parsed


def _values(field: _Field, part: str) -> Iterator[int]:
    found = _PART.fullmatch(part)
    if found is None:
        raise ValueError(f"{field.name}: {part!r} is not a value, a range or a step")
    step = int(found["step"] or 1)
    if found["first"] == "*":
        first, last = field.least, field.most
    else:
        first = _number(field, found["first"])
        last = _number(field, found["last"]) if found["last"] else field.most if found["step"] else first
    if step < 1 or last < first or (found["first"] == "*" and found["last"]):
        raise ValueError(f"{field.name}: {part!r} is an empty range")
    yield from range(first, last + 1, step)


def _number(field: _Field, word: str) -> int:
    if word in field.names:
        return field.names.index(word)
    if not word.isdecimal() or not field.least <= int(word) <= field.most:
        raise ValueError(f"{field.name}: {word!r} is not between {field.least} and {field.most}")
    return int(word)


def _spelled(field: _Field, values: Sequence[int]) -> list[str]:
    if field.name != "day_of_week":
        return [str(value) for value in values]
    return list(dict.fromkeys(field.names[value] for value in values))

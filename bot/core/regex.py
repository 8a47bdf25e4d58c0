"""Which regular expressions a rule may use: those whose time stays in proportion to the text.

Messages come from anyone who may create an Event, and Python's engine backtracks. A repeat inside a repeat can
take exponential time, many open repeats a high power; back references are both. Such patterns are refused when
the rules are loaded. This does not judge what a pattern means.
"""

import re

_OPEN_REPEATS = 2
"""`*`, `+` or `{n,}` in one pattern: one for a gap, one for the rest of the message."""

_REPEAT = re.compile(r"\*|\+|\{\d+,?\d*\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def problem_of(pattern: str) -> str | None:
    """Why the pattern is refused, for the rule's author; `None` when it is fine."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is not a regular expression: {error}"
    if re.search(r"\\[1-9]|\(\?P=", pattern):
        return "uses a back reference, which can take exponential time"
    bare = _CLASS.sub("C", re.sub(r"\\.", "E", pattern))
    if _nested(bare):
        return "repeats a group that holds a repeat, which can take exponential time"
    if len(re.findall(r"[*+]|\{\d+,\}", bare)) > _OPEN_REPEATS:
        return f"has more than {_OPEN_REPEATS} open repeats; give the others an upper bound such as {{0,300}}"
    return None


def _nested(bare: str) -> bool:
    """Whether a repeated group holds a repeat. `?` after a group does not repeat it."""
    repeats_inside: list[bool] = [False]
    position = 0
    while position < len(bare):
        if bare[position] == "(":
            repeats_inside.append(False)
        elif bare[position] == ")" and len(repeats_inside) > 1:
            inside = repeats_inside.pop()
            if inside and _REPEAT.match(bare, position + 1):
                return True
            repeats_inside[-1] |= inside
        elif repeat := _REPEAT.match(bare, position):
            repeats_inside[-1] = True
            position = repeat.end() - 1
        position += 1
    return False

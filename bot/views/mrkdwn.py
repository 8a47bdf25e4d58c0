"""Text for Slack: escaped, cut to Slack's limits, and harmless whatever the cluster wrote into it.

Slack turns `<@U…>`, `<!channel>` and `<http…|…>` into mentions and links; `&`, `<` and `>` must be escaped
(Slack's "Formatting text"). Limits here are of the escaped text, because that is what Slack counts. Bare links
and channel names stay text because our text objects are `verbatim` (views/blocks.py).
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.core.model import Actor
from bot.core.wording import visible

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_CUT_ENTITY = re.compile(r"&[a-z]*$")
_LOOKALIKES = str.maketrans({"`": "\u02bc", "*": "\u2217", "~": "\u223c"})
"""Characters that would begin code or formatting, and what is shown instead."""

_CODE_END = str.maketrans({"`": "\u02bc"})
_EMOJI = re.compile(r":(?=[a-z0-9_+'-]*[a-z+][a-z0-9_+'-]*:)")
"""A shortcode's first colon: a message that says `:white_check_mark: approved` must not look like ours."""

_LOOKALIKE_COLON = "\ua789"
_MOST_RAW = 20_000
"""Of a text, before its lines are joined: an Event may carry 64 kB."""


def plain(text: str, limit: int = 600) -> str:
    """Words for a sentence: escaped, one line, at most `limit` characters, and no chance to become formatting."""
    return _words(_one_line(text), limit)


def prose(text: str, limit: int = 600) -> str:
    """As `plain`, for sentences of ours that may quote the cluster: what stands between backticks becomes code."""
    line = _one_line(text)
    spans = line.split("`")
    if len(spans) % 2 and all(spans[1::2]):
        told = "".join(f"`{_escaped(x, limit)}`" if n % 2 else _words(x, limit) for n, x in enumerate(spans))
        if len(told) <= limit:
            return told
    return _words(line, limit)


def code(text: str, limit: int = 300) -> str:
    """An inline code span of at most `limit` characters, its marks included."""
    return f"`{_escaped(_one_line(text), limit - 2).translate(_CODE_END) or ' '}`"


def code_block(lines: Sequence[str], limit: int, rest: str = "more") -> str:
    """A block of code, its fences within `limit`; `rest` says where the lines are that do not fit."""
    room = limit - len("``````")
    return f"```{fit([_code_line(line, room) for line in lines], room, rest)}```"


def fit(lines: Sequence[str], limit: int, rest: str = "more") -> str:
    """As many whole lines as fit into `limit`, and how many do not: half a line could be half a mention."""
    whole = "\n".join(lines)
    if len(whole) <= limit:
        return whole
    kept, room = [], limit - len(_left(len(lines), rest)) - 1
    for line in lines:
        if len(line) > room:
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join([*kept, _left(len(lines) - len(kept), rest)])


def bullets(items: Iterable[str], limit_each: int) -> list[str]:
    return [f"• {prose(item, limit_each)}" for item in items]


def when(at: datetime) -> str:
    """Slack shows it in the reader's own time zone; others see UTC."""
    return _date(at, "{date_short_pretty} {time}", "%Y-%m-%d %H:%M UTC")


def clock(at: datetime) -> str:
    """The time of day alone, for what began a moment ago."""
    return _date(at, "{time}", "%H:%M UTC")


def mention(user: str) -> str:
    """A person; `user` is a Slack user id that Slack itself gave us."""
    return f"<@{user}>"


def person(actor: Actor) -> str:
    """Who did something, from whatever door."""
    return mention(actor.user) if actor.via == "slack" else plain(f"{actor.user} at the terminal", 120)


def _date(at: datetime, template: str, fallback: str) -> str:
    return f"<!date^{int(at.timestamp())}^{template}|{at.strftime(fallback)}>"


def _left(count: int, rest: str) -> str:
    return f"… {count} {rest}"


def _one_line(text: str) -> str:
    return " ".join(text[:_MOST_RAW].split())


def _words(line: str, limit: int) -> str:
    return _EMOJI.sub(_LOOKALIKE_COLON, _escaped(line, limit).translate(_LOOKALIKES))


def _code_line(line: str, limit: int) -> str:
    return _escaped(line.expandtabs(4), limit).translate(_CODE_END)


def _escaped(text: str, limit: int) -> str:
    """At most `limit` characters, the last of them an ellipsis when something was cut; no entity is cut in two."""
    safe = visible(text, limit).translate(_ENTITIES)
    return safe if len(safe) <= limit else f"{_CUT_ENTITY.sub('', safe[: limit - 1])}…"

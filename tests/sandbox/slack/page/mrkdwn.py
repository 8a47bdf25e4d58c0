"""Slack's mrkdwn and plain text as HTML. Whatever a cluster or a person wrote comes out as text, never as markup.

Code, links and mentions are first set aside behind marks of the private use area, so that no star or underscore in
a URL turns into emphasis; the rest is escaped before a single tag is added.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from html import escape as to_text

from tests.sandbox.slack.escaping import CONTROL, unescape
from tests.sandbox.slack.page.aside import Aside, without_marks
from tests.sandbox.slack.page.dates import format_moment
from tests.sandbox.slack.page.emoji import with_emoji
from tests.sandbox.slack.page.reader import Reader

_FENCE = re.compile(r"```\n?(.*?)\n?```\n?", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_QUOTE = re.compile(r"^(?:>|&gt;) ?")
_EMPHASIS = (
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<em>\1</em>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), r"<del>\1</del>"),
)


def render_plain(text: str) -> str:
    """A `plain_text` object: no formatting but emoji."""
    return with_emoji(as_text(text)).replace("\n", "<br>")


def render_mrkdwn(text: str, reader: Reader) -> str:
    """A `mrkdwn` object, block quotes and code blocks included."""
    pieces = _FENCE.split(without_marks(text))
    html = []
    for index, piece in enumerate(pieces):
        if index % 2:
            html.append(f"<pre>{as_text(_spelled_out(piece, reader))}</pre>")
        elif piece:
            html.extend(_paragraphs(piece.removesuffix("\n"), reader))
    return "".join(html)


def as_text(text: str) -> str:
    """Stored text as HTML text: Slack's three entities are undone first, then everything is escaped."""
    return to_text(unescape(text))


def _paragraphs(text: str, reader: Reader) -> Iterator[str]:
    """Neighbouring quoted lines form one quote, the others one run of text."""
    lines = text.split("\n")
    while lines:
        quoted = bool(_QUOTE.match(lines[0]))
        end = next((i for i, line in enumerate(lines) if bool(_QUOTE.match(line)) != quoted), len(lines))
        run, lines = lines[:end], lines[end:]
        if quoted:
            inner = "<br>".join(_inline(_QUOTE.sub("", line), reader) for line in run)
            yield f"<blockquote>{inner}</blockquote>"
        else:
            yield "<p>" + "<br>".join(_inline(line, reader) for line in run) + "</p>"


def _inline(line: str, reader: Reader) -> str:
    aside = Aside()
    line = _CODE.sub(lambda m: aside.put(f"<code>{as_text(_spelled_out(m[1], reader))}</code>"), line)
    line = CONTROL.sub(lambda m: aside.put(_control(m, reader)), line)
    html = as_text(line)
    for pattern, replacement in _EMPHASIS:
        html = pattern.sub(replacement, html)
    return aside.restore(with_emoji(html))


def _spelled_out(text: str, reader: Reader) -> str:
    """Inside code a control sequence shows only its words."""
    return CONTROL.sub(lambda m: _words(m, reader), text)


def _control(match: re.Match[str], reader: Reader) -> str:
    target, words = match["target"], with_emoji(as_text(_words(match, reader)))
    if target.startswith(("http", "mailto")):
        address = to_text(unescape(target), quote=True)
        return f'<a href="{address}" target="_blank" rel="noopener noreferrer">{words}</a>'
    if target.startswith("!date"):
        return f'<time title="{reader.zone.key}">{words}</time>'
    loud = target in ("!here", "!channel", "!everyone") or target == f"@{reader.user.id}"
    return f'<span class="mention{" loud" if loud else ""}">{words}</span>'


def _words(match: re.Match[str], reader: Reader) -> str:
    """What a reader sees of a control sequence, as stored text."""
    target, label = match["target"], match["label"]
    if target.startswith("!date^"):
        return _date_words(target, label or "", reader)
    if target.startswith("@"):
        return "@" + reader.name_of(target[1:])
    if target.startswith("#"):
        return "#" + reader.channel_name(target[1:])
    if target.startswith("!"):
        return "@" + (label or target[1:]).lstrip("@")
    return label or target


def _date_words(target: str, fallback: str, reader: Reader) -> str:
    _, seconds, template, *_ = [*target.split("^"), "", ""]
    if not seconds.isdigit() or not template:
        return fallback
    return format_moment(reader.local(seconds), datetime.now(reader.zone), template)

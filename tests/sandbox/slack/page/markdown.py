"""The `markdown` block: standard Markdown, as far as messages use it (headings, lists, code, emphasis, links).

Tables and nesting are not rendered: they stay readable as the text they are.
"""

import re
from collections.abc import Iterator
from html import escape as to_text

from tests.sandbox.slack.page.aside import Aside, without_marks
from tests.sandbox.slack.page.emoji import with_emoji

_FENCE = re.compile(r"^```[^\n]*\n(.*?)\n?^```\s*$\n?", re.DOTALL | re.MULTILINE)
_LINE_KINDS = (
    ("h", re.compile(r"#{1,6} +(.*)")),
    ("ul", re.compile(r"[-*+] +(.*)")),
    ("ol", re.compile(r"\d+[.)] +(.*)")),
    ("quote", re.compile(r"> ?(.*)")),
)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^\s)]+)\)")
_EMPHASIS = (
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"<em>\1</em>"),
    (re.compile(r"(?<!\w)_(?=\S)([^_]+?)(?<=\S)_(?!\w)"), r"<em>\1</em>"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"<del>\1</del>"),
)


def render_markdown(text: str) -> str:
    pieces = _FENCE.split(without_marks(text))
    rendered = (f"<pre>{to_text(p)}</pre>" if i % 2 else "".join(_runs(p)) for i, p in enumerate(pieces))
    return "".join(rendered)


def _runs(text: str) -> Iterator[str]:
    """Neighbouring lines of one kind make one list, quote or paragraph; an empty line ends it."""
    lines = [_classify(line) for line in text.split("\n")]
    while lines:
        kind = lines[0][0]
        end = next((i for i, (other, _) in enumerate(lines) if other != kind), len(lines))
        run, lines = [_inline(words) for _, words in lines[:end]], lines[end:]
        yield from _tags(kind, run)


def _classify(line: str) -> tuple[str, str]:
    if not line.strip():
        return "blank", ""
    for kind, pattern in _LINE_KINDS:
        if match := pattern.fullmatch(line.strip()):
            return kind, match[1]
    return "p", line


def _tags(kind: str, run: list[str]) -> Iterator[str]:
    match kind:
        case "blank":
            return
        case "h":
            yield from (f"<h4>{line}</h4>" for line in run)
        case "ul" | "ol":
            yield f"<{kind}>{''.join(f'<li>{line}</li>' for line in run)}</{kind}>"
        case "quote":
            yield f"<blockquote>{'<br>'.join(run)}</blockquote>"
        case _:
            yield f"<p>{'<br>'.join(run)}</p>"


def _inline(line: str) -> str:
    aside = Aside()
    line = _CODE.sub(lambda m: aside.put(f"<code>{to_text(m[1])}</code>"), line)
    line = _LINK.sub(lambda m: aside.put(_link(m[1], m[2])), line)
    html = to_text(line)
    for pattern, replacement in _EMPHASIS:
        html = pattern.sub(replacement, html)
    return aside.restore(with_emoji(html))


def _link(words: str, address: str) -> str:
    href = to_text(address, quote=True)
    return f'<a href="{href}" target="_blank" rel="noopener noreferrer">{to_text(words)}</a>'

"""Text for Slack: escaped, cut to Slack's limits, and harmless whatever the cluster wrote into it.

Slack turns `<@U…>`, `<!channel>` and `<http…|…>` into mentions and links; `&`, `<` and `>` must be escaped
(Slack's "Formatting text"). In code spans and blocks a backtick would end the code, so it becomes a quote mark.
"""

import unicodedata
from datetime import datetime

SECTION_LIMIT = 3000
HEADER_LIMIT = 150
TOTAL_LIMIT = 12_000
"""Of all texts of one message; Slack refuses near 13,200 although every block is legal (bolt-js#2509)."""

_LOOKALIKES = str.maketrans({"`": "\u02bc", "*": "\u2217", "~": "\u223c"})
"""Characters that would end code or begin formatting, and what is shown instead."""

_CODE_END = str.maketrans({"`": "\u02bc"})

_HARMLESS_CONTROLS = {"\n", "\t"}


def visible(text: str) -> str:
    """Control, bidirectional and other invisible characters as codes like U+202E (design.md invariant 13)."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _HARMLESS_CONTROLS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return char
    return f"U+{ord(char):04X}"


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last of them an ellipsis when something was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def escape(text: str) -> str:
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, limit: int = 600) -> str:
    """Words for a sentence: escaped, one line, and without a chance to become formatting."""
    line = " ".join(cut(text, limit).split())
    return escape(line).translate(_LOOKALIKES)


def code(text: str, limit: int = 300) -> str:
    """An inline code span."""
    line = " ".join(cut(text, limit).split()) or " "
    return f"`{escape(line).translate(_CODE_END)}`"


def code_block(lines: list[str], limit: int = 2400) -> str:
    """A block of code; lines that do not fit are counted instead of shown."""
    shown: list[str] = []
    room = limit
    for line in lines:
        safe = escape(line).translate(_CODE_END)
        if room - len(safe) - 1 < 0:
            break
        shown.append(safe)
        room -= len(safe) + 1
    if left := len(lines) - len(shown):
        shown.append(f"… {left} more lines: imsbot show")
    body = "\n".join(shown)
    return f"```{body}```"


def when(at: datetime) -> str:
    """Slack shows it in the reader's own time zone; others see UTC."""
    fallback = at.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def mention(user: str) -> str:
    """A person; `user` is a Slack user id that Slack itself gave us."""
    return f"<@{user}>"

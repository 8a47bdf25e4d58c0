"""How Slack keeps text: `&`, `<` and `>` stand as entities, unless they form one of its control sequences.

Seen from outside in bolt-python#513: an interaction hands back `&amp;` where the app had sent `&`, in plain text
too. A bot that forgets to escape gets here what it gets there: a hostile `<!channel>` *is* a mention of all.
"""

import re
from typing import Any

CONTROL = re.compile(
    r"<(?P<target>@[UW][A-Z0-9]+|#C[A-Z0-9]+|!(?:here|channel|everyone|subteam\^|date\^)[^|>\n]*"
    r"|(?:https?://|mailto:)[^|>\s]+)(?:\|(?P<label>[^>\n]*))?>"
)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")


def escape(text: str) -> str:
    """Write the three characters as entities, without doubling those that already are."""
    return _BARE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What a reader sees. Only these three entities exist for Slack."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def stored_mrkdwn(text: str) -> str:
    """Escape everything but the control sequences, in which only ampersands are escaped."""
    pieces, end = [], 0
    for control in CONTROL.finditer(text):
        pieces += [escape(text[end : control.start()]), _BARE_AMPERSAND.sub("&amp;", control[0])]
        end = control.end()
    return "".join([*pieces, escape(text[end:])])


def stored_blocks(node: Any) -> Any:
    """A copy of blocks (or any part of them) with every text object as Slack would give it back."""
    match node:
        case list():
            return [stored_blocks(item) for item in node]
        case {"type": "plain_text", "text": str() as text}:
            return {"emoji": True, **node, "text": escape(text)}
        case {"type": "mrkdwn", "text": str() as text}:
            return {"verbatim": False, **node, "text": stored_mrkdwn(text)}
        case dict():
            return {key: stored_blocks(value) for key, value in node.items()}
        case _:
            return node

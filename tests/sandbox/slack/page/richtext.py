"""The `rich_text` block, as far as messages of people and apps use it: sections, code, quotes and flat lists."""

from html import escape as to_text

from tests.sandbox.slack.model import Json
from tests.sandbox.slack.page.emoji import with_emoji
from tests.sandbox.slack.page.reader import Reader

_STYLES = {"bold": "strong", "italic": "em", "strike": "del", "code": "code"}


def render_rich_text(block: Json, reader: Reader) -> str:
    return "".join(_part(part, reader) for part in block["elements"])


def _part(part: Json, reader: Reader) -> str:
    match part.get("type"):
        case "rich_text_section":
            return f"<p>{_run(part, reader)}</p>"
        case "rich_text_preformatted":
            return f"<pre>{_run(part, reader)}</pre>"
        case "rich_text_quote":
            return f"<blockquote>{_run(part, reader)}</blockquote>"
        case "rich_text_list":
            tag = "ol" if part.get("style") == "ordered" else "ul"
            items = "".join(f"<li>{_run(item, reader)}</li>" for item in part["elements"])
            return f"<{tag}>{items}</{tag}>"
        case kind:
            return f'<p class="unknown">[{to_text(str(kind))}]</p>'


def _run(part: Json, reader: Reader) -> str:
    return "".join(_element(element, reader) for element in part["elements"])


def _element(element: Json, reader: Reader) -> str:
    match element:
        case {"type": "text", "text": str() as text}:
            html = to_text(text).replace("\n", "<br>")
        case {"type": "link", "url": str() as url} if url.startswith(("http://", "https://", "mailto:")):
            words = to_text(element.get("text") or url)
            html = f'<a href="{to_text(url)}" target="_blank" rel="noopener noreferrer">{words}</a>'
        case {"type": "emoji", "name": str() as name}:
            html = with_emoji(to_text(f":{name}:"))
        case {"type": "user", "user_id": str() as user}:
            html = f'<span class="mention">@{to_text(reader.name_of(user))}</span>'
        case {"type": "broadcast", "range": str() as everybody}:
            html = f'<span class="mention loud">@{to_text(everybody)}</span>'
        case _:
            html = to_text(f"[{element.get('type')}]")
    for style, tag in _STYLES.items():
        if element.get("style", {}).get(style):
            html = f"<{tag}>{html}</{tag}>"
    return html

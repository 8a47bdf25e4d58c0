"""Block Kit as HTML: one function a block, each from stored JSON to a string that is safe to insert."""

import json
from collections.abc import Callable
from html import escape as to_text

from tests.sandbox.slack.model import Json, Message, Outcome
from tests.sandbox.slack.page.markdown import render_markdown
from tests.sandbox.slack.page.mrkdwn import render_mrkdwn, render_plain
from tests.sandbox.slack.page.reader import Reader
from tests.sandbox.slack.page.richtext import render_rich_text

Progress = Callable[[str, str], Outcome | None]
"""How the reader's last press of the button (block id, action id) went; None when it was not pressed."""

_LOST = "This app did not answer in time. Slack will not send the click again."


def render_content(message: Message, reader: Reader, progress: Progress) -> str:
    """The blocks of a message, or its text when it has none."""
    if not message.blocks:
        return f'<div class="section">{render_mrkdwn(message.text, reader)}</div>'
    return "".join(_block(block, reader, progress) for block in message.blocks)


def _block(block: Json, reader: Reader, progress: Progress) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{render_plain(block['text']['text'])}</h3>"
        case "divider":
            return "<hr>"
        case "section":
            return _section(block, reader, progress)
        case "context":
            inner = "".join(_context_element(element, reader) for element in block["elements"])
            return f'<div class="context">{inner}</div>'
        case "actions":
            inner = "".join(_button(block, element, reader, progress) for element in block["elements"])
            return f'<div class="actions">{inner}</div>'
        case "markdown":
            return f'<div class="section markdown">{render_markdown(block["text"])}</div>'
        case "rich_text":
            return f'<div class="section">{render_rich_text(block, reader)}</div>'
        case "image":
            return _image(block)
        case kind:
            return f'<p class="unknown">[{to_text(kind)}]</p>'


def _text(text: Json, reader: Reader) -> str:
    if text["type"] == "plain_text":
        return f"<p>{render_plain(text['text'])}</p>"
    return render_mrkdwn(text["text"], reader)


def _section(block: Json, reader: Reader, progress: Progress) -> str:
    body = _text(block["text"], reader) if "text" in block else ""
    if "fields" in block:
        cells = "".join(f'<div class="field">{_text(field, reader)}</div>' for field in block["fields"])
        body += f'<div class="fields">{cells}</div>'
    if "accessory" not in block:
        return f'<div class="section">{body}</div>'
    accessory = block["accessory"]
    aside = _image(accessory) if accessory["type"] == "image" else _button(block, accessory, reader, progress)
    return f'<div class="section with-accessory"><div>{body}</div><div class="accessory">{aside}</div></div>'


def _context_element(element: Json, reader: Reader) -> str:
    if element["type"] == "image":
        return _image(element)
    return f"<span>{_text(element, reader)}</span>"


def _image(image: Json) -> str:
    """Images live elsewhere and this page loads nothing from elsewhere; their words stand in for them."""
    return f'<span class="image" title="{to_text(image["image_url"])}">{to_text(image["alt_text"])}</span>'


def _button(block: Json, element: Json, reader: Reader, progress: Progress) -> str:
    outcome = progress(block["block_id"], element["action_id"])
    busy = outcome is Outcome.PENDING
    lost = outcome in (Outcome.UNACKNOWLEDGED, Outcome.UNDELIVERED)
    attributes = {
        "class": f"button {element.get('style', '')}{' busy' if busy else ''}".strip(),
        "data-block": block["block_id"],
        "data-action": element["action_id"],
        "data-confirm": json.dumps(_confirm(element["confirm"], reader)) if "confirm" in element else None,
        "data-url": element.get("url"),
        "aria-label": element.get("accessibility_label"),
    }
    written = " ".join(f'{name}="{to_text(value)}"' for name, value in attributes.items() if value is not None)
    label = f"<span>{render_plain(element['text']['text'])}</span>"
    mark = f'<span class="lost" role="img" title="{_LOST}" aria-label="{_LOST}">!</span>' if lost else ""
    return f'<button type="button" {written}{" disabled" if busy else ""}>{label}</button>{mark}'


def _confirm(confirm: Json, reader: Reader) -> dict[str, str]:
    """The dialog that the button opens first, its words rendered already."""
    words = {part: _text(confirm[part], reader) for part in ("title", "text")}
    labels = {part: render_plain(confirm[part]["text"]) for part in ("confirm", "deny")}
    return words | labels | {"style": confirm.get("style", "primary")}

"""Block Kit's few shapes that cards are made of (docs.slack.dev/reference/block-kit).

Every text is within the limit of its block; that the whole message stays below Slack's total is the business of
whoever puts blocks together. Text objects are `verbatim`: Slack then links nothing by itself.
"""

from collections.abc import Sequence
from typing import Any

from bot.core.wording import visible

Block = dict[str, Any]
"""A block, as Slack's API takes it."""

SECTION_LIMIT = 3000
HEADER_LIMIT = 150
NOTHING_SAID = "—"
"""Slack takes no empty text, and a node may give an empty reason."""


def header(text: str) -> Block:
    return {"type": "header", "text": plain_text(text, HEADER_LIMIT)}


def section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def fields(texts: Sequence[str]) -> Block:
    """Two columns on a wide screen."""
    return {"type": "section", "fields": [_mrkdwn(text) for text in texts]}


def context(texts: Sequence[str]) -> Block:
    """Small and muted."""
    return {"type": "context", "elements": [_mrkdwn(text) for text in texts]}


def divider() -> Block:
    return {"type": "divider"}


def plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": visible(text, limit), "emoji": True}


def _mrkdwn(text: str) -> Block:
    assert len(text) <= SECTION_LIMIT, "whoever builds a text keeps to its limit"
    return {"type": "mrkdwn", "text": text if text.strip() else NOTHING_SAID, "verbatim": True}

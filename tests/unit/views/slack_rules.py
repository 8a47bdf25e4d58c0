"""What Slack would say of a card, and what a hostile text would have done to its readers."""

import re
from collections.abc import Iterator

from bot.views.card import Card
from tests.sandbox.slack.blocks import MOST_CHARACTERS, complaints, too_long
from tests.sandbox.slack.model import Json

CONTROL = re.compile(r"<[^>\n]*>")
OURS = re.compile(r"<(?:@[UW][A-Z0-9]+|!date\^\d+\^[^|<>]*\|[^|<>]*)>")
"""The control sequences that cards make themselves: a person that Slack named, and a moment."""

MOST_IN_A_POST = 4000
"""Slack advises that a message's text be no longer, and cuts it at 40,000."""


def assert_slack_takes(card: Card) -> None:
    blocks = list(card.blocks)
    assert [] == complaints(blocks)
    assert not too_long(blocks), f"more than {MOST_CHARACTERS} characters"
    assert 0 < len(card.text) <= 300
    for post in card.thread:
        assert 0 < len(post.text) <= MOST_IN_A_POST, post.key
    keys = [post.key for post in card.thread]
    assert len(set(keys)) == len(keys)


def texts(node: object) -> Iterator[str]:
    """Every mrkdwn text."""
    match node:
        case list() | tuple():
            for item in node:
                yield from texts(item)
        case {"type": "mrkdwn", "text": str() as text}:
            yield text
        case dict():
            for value in node.values():
                yield from texts(value)
        case _:
            return


def assert_harmless(card: Card) -> None:
    """Nobody is mentioned, nothing is linked, no character hides, and every fence is closed."""
    for text in [card.text, *texts(list(card.blocks)), *(post.text for post in card.thread)]:
        foreign = [found for found in CONTROL.findall(text) if not OURS.fullmatch(found)]
        assert [] == foreign
        assert "<" not in CONTROL.sub("", text)
        assert text.count("```") % 2 == 0
        assert all(char.isprintable() or char == "\n" for char in text)
    for part in _verbatim(list(card.blocks)):
        assert part["verbatim"] is True


def _verbatim(node: object) -> Iterator[Json]:
    match node:
        case list():
            for item in node:
                yield from _verbatim(item)
        case {"type": "mrkdwn"}:
            yield node
        case dict():
            for value in node.values():
                yield from _verbatim(value)
        case _:
            return

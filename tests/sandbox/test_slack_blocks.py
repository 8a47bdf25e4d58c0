"""Block Kit's limits: at each limit a message is taken, one beyond it is refused with a pointer to the culprit."""

from typing import Any

import pytest

from tests.sandbox.slack.blocks import complaints, too_long

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(**changes: Any) -> Json:
    return {"type": "button", "action_id": "go", "text": plain(2), **changes}


def actions(*elements: Json, **changes: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **changes}


def section(**fields: Any) -> Json:
    return {"type": "section", **fields}


def confirm(title: int = 1, text: int = 1, yes: int = 1, no: int = 1) -> Json:
    return {"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)}


AT_THE_LIMIT = {
    "blocks": [{"type": "divider"}] * 50,
    "section text": [section(text=mrkdwn(3000))],
    "section fields": [section(fields=[mrkdwn(1)] * 10)],
    "field text": [section(fields=[mrkdwn(2000)])],
    "header": [{"type": "header", "text": plain(150)}],
    "context": [{"type": "context", "elements": [mrkdwn(1)] * 10}],
    "actions": [actions(*(button(action_id=str(n)) for n in range(25)))],
    "button text": [actions(button(text=plain(75)))],
    "button value": [actions(button(value="x" * 2000))],
    "button url": [actions(button(url="https://x.example/" + "x" * 2982))],
    "action id": [actions(button(action_id="x" * 255))],
    "block id": [{"type": "divider", "block_id": "x" * 255}],
    "confirm": [actions(button(confirm=confirm(100, 300, 30, 30)))],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
    "accessory": [section(text=mrkdwn(1), accessory=button())],
    "same action id in two blocks": [actions(button()), actions(button())],
}

BEYOND = {
    "no more than 50 items allowed [json-pointer:/blocks]": [{"type": "divider"}] * 51,
    "no less than 1 items allowed [json-pointer:/blocks/0/elements]": [actions()],
    "must be less than 3001 characters [json-pointer:/blocks/0/text/text]": [section(text=mrkdwn(3001))],
    "must be more than 0 characters [json-pointer:/blocks/0/text/text]": [section(text=mrkdwn(0))],
    "no more than 10 items allowed [json-pointer:/blocks/0/fields]": [section(fields=[mrkdwn(1)] * 11)],
    "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]": [section(fields=[mrkdwn(2001)])],
    "must be less than 151 characters [json-pointer:/blocks/0/text/text]": [
        {"type": "header", "text": plain(151)}
    ],
    "must be one of plain_text, not 'mrkdwn' [json-pointer:/blocks/0/text/type]": [
        {"type": "header", "text": mrkdwn(1)}
    ],
    "no more than 10 items allowed [json-pointer:/blocks/0/elements]": [
        {"type": "context", "elements": [mrkdwn(1)] * 11}
    ],
    "no more than 25 items allowed [json-pointer:/blocks/0/elements]": [
        actions(*(button(action_id=str(n)) for n in range(26)))
    ],
    "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]": [
        actions(button(text=plain(76)))
    ],
    "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]": [
        actions(button(value="x" * 2001))
    ],
    "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]": [
        actions(button(action_id="x" * 256))
    ],
    "must be less than 256 characters [json-pointer:/blocks/0/block_id]": [
        {"type": "divider", "block_id": "x" * 256}
    ],
    "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]": [
        actions(button(confirm=confirm(title=101)))
    ],
    "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]": [
        actions(button(confirm=confirm(text=301)))
    ],
    "must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]": [
        actions(button(confirm=confirm(no=31)))
    ],
    "must be one of primary, danger, not 'green' [json-pointer:/blocks/0/elements/0/style]": [
        actions(button(style="green"))
    ],
    "missing required field: one of text, fields [json-pointer:/blocks/0]": [section()],
    "missing required field: elements [json-pointer:/blocks/0]": [{"type": "actions"}],
    "unsupported type: input [json-pointer:/blocks/0/type]": [{"type": "input"}],
    "invalid additional property: color [json-pointer:/blocks/0]": [section(text=mrkdwn(1), color="red")],
    "`block_id` 'a' already exists [json-pointer:/blocks]": [{"type": "divider", "block_id": "a"}] * 2,
    "`action_id` 'go' already exists [json-pointer:/blocks/0/elements]": [actions(button(), button())],
    "must be a string [json-pointer:/blocks/0/text/text]": [section(text={"type": "mrkdwn", "text": None})],
    "must be a boolean [json-pointer:/blocks/0/text/emoji]": [
        {"type": "header", "text": {**plain(1), "emoji": "yes"}}
    ],
}


@pytest.mark.parametrize("blocks", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT.keys())
def test_a_message_at_the_limit_is_taken(blocks: list[Json]) -> None:
    assert complaints(blocks) == []


@pytest.mark.parametrize(("expected", "blocks"), BEYOND.items(), ids=BEYOND.keys())
def test_a_message_beyond_a_limit_is_refused_with_a_pointer(expected: str, blocks: list[Json]) -> None:
    assert [expected] == complaints(blocks)


def test_every_complaint_is_told_at_once() -> None:
    assert len(complaints([section(), {"type": "header", "text": plain(200)}])) == 2


def test_legal_blocks_can_be_too_long_together() -> None:
    assert not too_long([section(text=mrkdwn(3000))] * 4)
    assert too_long([section(text=mrkdwn(3000))] * 5)

"""Whether Slack would take these blocks: the limits of Block Kit as data, and one walk over them.

A card that passes here passes there. Where Slack's own arithmetic is not published (the total size of a
message) the stand-in is the stricter of the two. It knows the blocks of messages, not those of modals, and of
the interactive elements only the button.

Sources: docs.slack.dev/reference/block-kit for the limits; the shape of the complaints as seen in
grafana/oncall#5121; the total from the measurements in slackapi/bolt-js#2509 and #2867.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.sandbox.slack.model import Json

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_200
CONTAINER_CHARACTERS = 125
"""What each block or element weighs beside its text: adding one divider cost 125 characters in bolt-js#2509."""

Check = Callable[[object, str], Iterator[str]]


def complaints(blocks: list[Json]) -> list[str]:
    """What Slack would say against these blocks, each with the JSON pointer of the culprit; empty when fine."""
    found = list(_array(MOST_BLOCKS, _shape_by_type(BLOCKS))(blocks, "/blocks"))
    return found or [*_repeated_block_ids(blocks), *_repeated_action_ids(blocks)]


def too_long(blocks: list[Json]) -> bool:
    """Whether the message as a whole is over the limit that no single block breaks (`msg_blocks_too_long`)."""
    return sum(_weigh(block) for block in blocks) > MOST_CHARACTERS


def _complaint(words: str, pointer: str) -> str:
    return f"{words} [json-pointer:{pointer}]"


def _string(most: int) -> Check:
    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield _complaint("must be a string", pointer)
        elif not value:
            yield _complaint("must be more than 0 characters", pointer)
        elif len(value) > most:
            yield _complaint(f"must be less than {most + 1} characters", pointer)

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: object, pointer: str) -> Iterator[str]:
        if value not in allowed:
            yield _complaint(f"must be one of {', '.join(allowed)}, not {value!r}", pointer)

    return check


def _boolean(value: object, pointer: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield _complaint("must be a boolean", pointer)


def _array(most: int, each: Check) -> Check:
    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _complaint("must be an array", pointer)
        elif not value:
            yield _complaint("no less than 1 items allowed", pointer)
        elif len(value) > most:
            yield _complaint(f"no more than {most} items allowed", pointer)
        else:
            for index, item in enumerate(value):
                yield from each(item, f"{pointer}/{index}")

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields an object may have. All of `required`, and one of `alternatives` if any, must be there."""

    fields: dict[str, Check]
    required: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()

    def __call__(self, value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _complaint("must be an object", pointer)
            return
        for name in self.required:
            if name not in value:
                yield _complaint(f"missing required field: {name}", pointer)
        if self.alternatives and not any(name in value for name in self.alternatives):
            yield _complaint(f"missing required field: one of {', '.join(self.alternatives)}", pointer)
        for name, item in value.items():
            check = self.fields.get(name)
            if check is None:
                yield _complaint(f"invalid additional property: {name}", pointer)
            else:
                yield from check(item, f"{pointer}/{name}")


def _shape_by_type(shapes: dict[str, Shape]) -> Check:
    def check(value: object, pointer: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in shapes:
            yield _complaint(f"unsupported type: {kind}", f"{pointer}/type")
        else:
            yield from shapes[kind](value, pointer)

    return check


def _any_json(_value: object, _pointer: str) -> Iterator[str]:
    """Rich text nests deeply and the bot sends none; the page still shows what other apps would post."""
    return iter(())


def _plain(most: int) -> Shape:
    fields: dict[str, Check] = {"type": _one_of("plain_text"), "text": _string(most), "emoji": _boolean}
    return Shape(fields, required=("type", "text"))


def _text(most: int) -> Check:
    mrkdwn: dict[str, Check] = {"type": _one_of("mrkdwn"), "text": _string(most), "verbatim": _boolean}
    return _shape_by_type({"plain_text": _plain(most), "mrkdwn": Shape(mrkdwn, required=("type", "text"))})


_STYLE = _one_of("primary", "danger")
_CONFIRM = Shape(
    {"title": _plain(100), "text": _text(300), "confirm": _plain(30), "deny": _plain(30), "style": _STYLE},
    required=("title", "text", "confirm", "deny"),
)
_BUTTON = Shape(
    {
        "type": _one_of("button"),
        "text": _plain(75),
        "action_id": _string(255),
        "value": _string(2000),
        "url": _string(3000),
        "style": _STYLE,
        "confirm": _CONFIRM,
        "accessibility_label": _string(75),
    },
    required=("text",),
)
_IMAGE_FIELDS: dict[str, Check] = {
    "type": _one_of("image"),
    "image_url": _string(3000),
    "alt_text": _string(2000),
}
_IMAGE = Shape(_IMAGE_FIELDS, required=("image_url", "alt_text"))
_ELEMENT = _shape_by_type({"button": _BUTTON})
_ACCESSORY = _shape_by_type({"button": _BUTTON, "image": _IMAGE})


def _context_element(value: object, pointer: str) -> Iterator[str]:
    kind = value.get("type") if isinstance(value, dict) else None
    yield from (_IMAGE if kind == "image" else _text(3000))(value, pointer)


def _block(fields: dict[str, Check], *required: str, alternatives: tuple[str, ...] = ()) -> Shape:
    return Shape({"type": _string(255), "block_id": _string(255), **fields}, required, alternatives)


BLOCKS = {
    "section": _block(
        {"text": _text(3000), "fields": _array(10, _text(2000)), "accessory": _ACCESSORY, "expand": _boolean},
        alternatives=("text", "fields"),
    ),
    "header": _block({"text": _plain(150)}, "text"),
    "divider": _block({}),
    "context": _block({"elements": _array(10, _context_element)}, "elements"),
    "actions": _block({"elements": _array(25, _ELEMENT)}, "elements"),
    "markdown": _block({"text": _string(12_000)}, "text"),
    "image": _block({**_IMAGE_FIELDS, "title": _plain(2000)}, "image_url", "alt_text"),
    "rich_text": _block({"elements": _any_json}, "elements"),
}


def _repeated(ids: list[str]) -> list[str]:
    return [name for name, times in Counter(ids).items() if times > 1]


def _repeated_block_ids(blocks: list[Json]) -> Iterator[str]:
    for name in _repeated([block["block_id"] for block in blocks if "block_id" in block]):
        yield _complaint(f"`block_id` {name!r} already exists", "/blocks")


def _repeated_action_ids(blocks: list[Json]) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if block["type"] == "actions":
            ids = [element["action_id"] for element in block["elements"] if "action_id" in element]
            for name in _repeated(ids):
                yield _complaint(f"`action_id` {name!r} already exists", f"/blocks/{index}/elements")


def _weigh(node: object) -> int:
    match node:
        case list():
            return sum(_weigh(item) for item in node)
        case dict():
            is_container = node.get("type", "plain_text") not in ("plain_text", "mrkdwn")
            text = node.get("text")
            own = CONTAINER_CHARACTERS * is_container + (len(text) if isinstance(text, str) else 0)
            return own + sum(_weigh(item) for item in node.values())
        case _:
            return 0

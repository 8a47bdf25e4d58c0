"""What a sweep found, as one card: a row and a button for each node, drawn anew whenever one of them moves.

Only drift and what could not be read has rows. An edited card notifies nobody, so nodes that began to drift since
the card was posted are told of in its thread, and in the channel.
"""

import msgspec

from bot.core.drift import Row, State, worst_first
from bot.core.incident import Incident, Phase
from bot.core.sweep import Bulletin
from bot.views import mrkdwn as m
from bot.views.blocks import Block, context, divider, header, plain_text, section
from bot.views.card import Card
from bot.views.thread import Post
from bot.views.wording import DRIFTS, drift_text, state_of

PICK = "imsbot-pick"

ROWS = 16
"""With a section and a button each; Slack counts about 13,200 characters for a whole message."""

ROW_LIMIT = 240
REST_LIMIT = 1100
NEWS_LIMIT = 1500
ALL_SETTLED = "All nodes that could be read are as they should be"


class PickValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a row's button carries: which card it is on, and which incident it asks about."""

    digest: str
    incident: str


def render_digest(bulletin: Bulletin) -> Card:
    """Pure and total, within Slack's limits."""
    end = bulletin.ended
    rows = [row for row in worst_first(end.rows) if row.state is State.DRIFT]
    unread = [row for row in worst_first(end.rows) if row.state is State.UNREADABLE]
    headline = f"Sweep · {_count(len(rows), 'target')} drifted" if rows else f"Sweep · {ALL_SETTLED.lower()}"
    shown = [_row(row, bulletin) for row in rows[:ROWS]]
    blocks = [
        header(f"{':mag_right:' if rows else ':ballot_box_with_check:'}  {headline}"),
        section(_intro(bulletin) if rows else f"{ALL_SETTLED}."),
        *([divider(), *shown] if rows else []),
        *_rest(rows[ROWS:]),
        *_unread(unread),
        context([_footer(bulletin)]),
    ]
    return Card(
        m.plain(headline, 300), tuple(blocks), _news(bulletin), any("accessory" in block for block in shown)
    )


def _intro(bulletin: Bulletin) -> str:
    observed = (
        " Where the mode is `observe`, a repair is only shown, never asked about." if bulletin.observed else ""
    )
    return (
        "These are expected to run Kata and are not as they should be. *Nothing is repaired, and nobody is asked* "
        "until somebody picks a row, here or by `imsbot repair`: then its plan comes on a card of its own."
        f"{observed}"
    )


def _row(row: Row, bulletin: Bulletin) -> Block:
    incident = bulletin.incidents.get(row.incident)
    block = section(f"{_head(row, incident)}\n{m.plain(_seen(row), ROW_LIMIT // 2)}{_would(row)}")
    block["block_id"] = f"imsbot-{bulletin.ended.digest}-{row.incident or row.target.name}"[:255]
    if incident is not None and incident.rests:
        value = msgspec.json.encode(PickValue(bulletin.ended.digest, incident.id)).decode()
        label = "Show plan" if row.target.name in bulletin.observed else "Ask"
        block["accessory"] = {
            "type": "button",
            "action_id": PICK,
            "text": plain_text(label if row.would else "Diagnose", 75),
            "value": value,
        }
    return block


def _head(row: Row, i: Incident | None) -> str:
    name = f"*{_name(row, 60)}*"
    if i is None:
        return f":warning:  {name}" + ("  left alone" if row.blocked else "")
    if i.rests or i.phase is Phase.UNASKED:
        return f":pause_button:  {name}  not asked  _incident {i.id}_"
    mark = ":white_check_mark:" if i.result is not None else ":hourglass_flowing_sand:"
    picked = f", picked by {m.person(i.requested_by)}" if i.requested_by is not None else ""
    return f"{mark}  {name}  {state_of(i)}{picked}  _incident {i.id}_"


def _seen(row: Row) -> str:
    return "; ".join(map(drift_text, row.drifts))


def _would(row: Row) -> str:
    if row.blocked:
        return f"\n→ nothing now: {m.plain(row.blocked, ROW_LIMIT // 2 - 20)}"
    if row.cannot:
        return "\n→ not by itself; the diagnosis says what a person can do"
    return f"\n→ {m.plain('; '.join(row.would), ROW_LIMIT // 2 - 10)}" if row.would else ""


def _rest(rows: list[Row]) -> list[Block]:
    if not rows:
        return []
    lines = [f"• {_name(row, 60)}: {m.plain(', '.join(DRIFTS[d.kind] for d in row.drifts), 100)}" for row in rows]
    title = f"*{len(rows)} more*, each with `imsbot repair NODE`"
    return [section(m.fit([title, *lines], REST_LIMIT, "more: imsbot sweep"))]


def _unread(rows: list[Row]) -> list[Block]:
    if not rows:
        return []
    lines = [f"• {_name(row, 60)}: {m.plain(row.unreadable, 160)}" for row in rows]
    return [section(m.fit([f"*Not readable* ({len(rows)})", *lines], REST_LIMIT, "more: imsbot sweep"))]


def _footer(bulletin: Bulletin) -> str:
    end = bulletin.ended
    since = f" · first seen {m.when(end.since)}" if end.since is not None and end.sweep != end.digest else ""
    return f"{_count(end.fine, 'target')} fine · last sweep {m.when(end.at)}{since}"


def _news(bulletin: Bulletin) -> tuple[Post, ...]:
    """The first sweep of a digest is the card itself."""
    end = bulletin.ended
    if not end.news or end.sweep == end.digest:
        return ()
    names = m.fit([m.plain(name, 80) for name in end.news], NEWS_LIMIT)
    text = f":mag_right: *The sweep of {m.when(end.at)} found new drift:*\n{names}"
    return (Post(f"news-{end.sweep}", text, broadcast=True),)


def _name(row: Row, limit: int) -> str:
    name = m.plain(row.target.name, limit)
    return name if row.target.node is not None else f"RuntimeClass {name}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

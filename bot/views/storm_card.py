"""One grouped question for the incidents of a storm, instead of one card for each (design.md 4.1, hop 3)."""

from collections.abc import Sequence

from bot.core.incident import Incident, Phase
from bot.views import mrkdwn as m
from bot.views.blocks import context, divider, header, section
from bot.views.card import Card
from bot.views.wording import state_of

NODES_LIMIT = 2900


def render_storm(members: Sequence[Incident]) -> Card:
    """`members` are the incidents of one storm, at least one; drawn anew whenever one of them changes."""
    ordered = sorted(members, key=lambda i: (i.opened_at, i.target.name))
    first = ordered[0]
    waiting = [i for i in ordered if i.phase is Phase.UNASKED]
    family = " + ".join(first.families)
    headline = f"{family} on {len(ordered)} nodes"
    mark, state = (":rotating_light:", "Storm") if waiting else (":ballot_box_with_check:", "Storm, all picked")
    lines = [_line(i) for i in ordered]
    example = m.plain((waiting or ordered)[0].target.name, 80)
    blocks = [
        header(f"{mark}  {state} · {headline}"),
        section(
            "The same failure on many nodes at once usually has one cause: a rollout, an image, a RuntimeClass. "
            "*Nothing is repaired, and nobody is asked node by node.*"
        ),
        *([section(f"*Why*\n{m.code_block([first.sightings[0].message], 600)}")] if first.sightings else []),
        divider(),
        section(m.fit(["*Nodes*", *lines], NODES_LIMIT, "more: imsbot incidents")),
        section(
            ":point_right: Look for the common cause. To repair a node all the same, "
            f"`imsbot repair {example}` asks about it on a card of its own."
        ),
        context([f"Storm of {len(ordered)} incidents · began {m.when(first.opened_at)}"]),
    ]
    return Card(m.plain(f"{state} · {headline}", 300), tuple(blocks))


def _line(i: Incident) -> str:
    name = f"*{m.plain(i.target.name, 80)}*"
    if i.phase is Phase.UNASKED:
        return f":pause_button:  {name}  not asked  _incident {i.id}_"
    if i.result is not None:
        return f":white_check_mark:  {name}  {state_of(i)}  _incident {i.id}_"
    picked = f", picked by {m.person(i.requested_by)}" if i.requested_by is not None else ""
    return f":hourglass_flowing_sand:  {name}  {state_of(i)}{picked}  _incident {i.id}_"

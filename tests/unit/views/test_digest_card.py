"""The digest card: a row for each node, buttons where there is something to pick, harmless whatever they say."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import entries as e
from bot.core.drift import Drift, DriftKind, Row
from bot.core.incident import Incident
from bot.core.lifecycle import fold
from bot.core.model import IncidentId, Result, Target, TargetKind
from bot.core.sweep import Bulletin, Ended
from bot.views.card import Card, render_card
from bot.views.digest_card import PICK, PickValue, render_digest
from bot.views.terminal import incident_table
from tests.sandbox.slack.model import ChannelId, Message, Ts, UserId
from tests.unit.views import stories as s
from tests.unit.views.slack_rules import assert_harmless, assert_slack_takes
from tests.unit.views.test_any_card import TEXT, TEXTS

LINK = Drift(DriftKind.LINK_BROKEN, "containerd finds no executable containerd-shim-kata-qemu-v2")
LABEL = Drift(DriftKind.LABEL_LOST, "the RuntimeClass selects it, and the node lacks it")


def row(number: int = 1, *drifts: Drift, **changes: object) -> Row:
    found = Row(s.target(number), drifts or (LINK,), would=("link both shims",), incident=f"drift00{number}")
    return msgspec.structs.replace(found, **changes)


def resting(found: Row, *entries: e.Entry) -> Incident:
    swept = e.Swept("sweep-2", "sweep-1", found.drifts)
    opened = e.Opened(at=s.at(0), target=found.target, sighting=None, swept=swept)
    return fold(IncidentId(found.incident), [opened, *entries])


def bulletin(*rows: Row, **changes: object) -> Bulletin:
    end = Ended(at=s.at(60), sweep="sweep-1", rows=rows, fine=7, digest="sweep-1", since=s.at(60))
    known = {found.incident: resting(found) for found in rows if found.incident}
    return Bulletin(msgspec.structs.replace(end, **changes), known)


def message(card: Card) -> Message:
    return Message(ChannelId("C1"), Ts("1.1"), UserId("U1"), card.text, tuple(card.blocks))


def text(card: Card) -> str:
    return message(card).shown_text()


def test_a_row_says_what_drifted_and_what_a_repair_would_do_and_has_a_button() -> None:
    card = render_digest(bulletin(row(1, LINK, LABEL), row(2)))
    assert_slack_takes(card)
    assert "Sweep · 2 targets drifted" == card.text
    assert "*ncn-w001*  not asked  _incident drift001_" in text(card)
    assert "link missing or wrong: containerd finds no executable" in text(card)
    assert "→ link both shims" in text(card)
    assert "7 targets fine" in text(card)
    assert "first seen" not in text(card)
    assert "first seen" in text(render_digest(bulletin(row(1), sweep="sweep-2")))
    values = [msgspec.json.decode(b.value, type=PickValue) for b in message(card).buttons() if b.action_id == PICK]
    assert [PickValue("sweep-1", "drift001"), PickValue("sweep-1", "drift002")] == values


def test_a_row_loses_its_button_when_it_is_picked_and_then_says_how_it_goes() -> None:
    told = bulletin(row(1), row(2))
    picked = resting(row(1), e.Picked(at=s.at(70), actor=s.MIRA))
    healed = resting(
        row(2), e.Picked(at=s.at(70), actor=s.MIRA), e.Closed(at=s.at(99), result=Result.HEALED, why="x")
    )
    card = render_digest(replace(told, incidents={"drift001": picked, "drift002": healed}))
    assert "*ncn-w001*  looking at the facts, picked by <@U0MIRA>" in text(card)
    assert "*ncn-w002*  healed, picked by <@U0MIRA>" in text(card)
    assert not card.answerable


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocked": "hold: Mira works here", "incident": ""}, "nothing now: hold: Mira works here"),
        ({"would": (), "cannot": "it would kill jobs"}, "not by itself; the diagnosis says what a person can do"),
    ],
)
def test_a_row_that_cannot_be_repaired_says_so(changes: dict[str, object], words: str) -> None:
    assert words in text(render_digest(bulletin(row(1, **changes))))  # type: ignore[arg-type]


def test_where_repairs_are_only_observed_the_button_promises_no_question() -> None:
    card = render_digest(replace(bulletin(row(1)), observed=frozenset({"ncn-w001"})))
    assert ["Show plan"] == [button.label for button in message(card).buttons()]
    assert "Where the mode is" in text(card)


def test_what_could_not_be_read_is_listed_apart() -> None:
    card = render_digest(bulletin(row(1), Row(s.target(2), unreadable="ncn-w002: no facts within 30 s")))
    assert "*Not readable* (1)\n• ncn-w002: ncn-w002: no facts within 30 s" in text(card)
    assert "Sweep · 1 target drifted" == card.text


def test_when_all_is_settled_the_card_says_so() -> None:
    card = render_digest(bulletin())
    assert "all nodes that could be read are as they should be" in card.text
    assert not card.answerable


def test_new_drift_on_an_old_card_is_told_in_the_channel() -> None:
    assert () == render_digest(bulletin(row(1), news=("ncn-w001",))).thread, "the card itself is the news"
    (post,) = render_digest(bulletin(row(1), row(2), sweep="sweep-2", news=("ncn-w002",))).thread
    assert post.broadcast
    assert "ncn-w002" in post.text
    assert "news-sweep-2" == post.key


def test_the_drift_of_a_whole_machine_fits() -> None:
    rows = [row(n, LINK, LABEL, would=("x" * 300,) * 5) for n in range(500)]
    unread = [Row(s.target(n), unreadable="y" * 400) for n in range(500, 600)]
    card = render_digest(bulletin(*rows, *unread))
    assert_slack_takes(card)
    assert "*484 more*, each with `imsbot repair NODE`" in text(card)


def test_an_incident_of_a_sweep_says_on_its_card_what_drifted() -> None:
    card = render_card(resting(row(1, LINK, LABEL), e.Picked(at=s.at(70), actor=s.MIRA)))
    assert_slack_takes(card)
    assert "link missing or wrong + label lost" in card.text
    assert "label lost: the RuntimeClass selects it" in text(card)
    assert "link missing or wrong" in incident_table([resting(row(1))]).plain


ROWS = st.builds(
    lambda name, drifts, would, text, kind, fits: Row(
        Target(kind, name, name), drifts if fits else (), would, text, text, "" if fits else text, text, text
    ),
    TEXT,
    st.lists(st.builds(Drift, st.sampled_from(DriftKind), TEXT), min_size=1, max_size=4).map(tuple),
    TEXTS,
    TEXT,
    st.sampled_from([TargetKind.NODE, TargetKind.RUNTIMECLASS]),
    st.booleans(),
)


@settings(max_examples=40)
@given(st.lists(ROWS, max_size=30), st.lists(TEXT, max_size=30).map(tuple))
def test_whatever_nodes_say_the_card_can_be_drawn_and_harms_nobody(rows: list[Row], news: tuple[str, ...]) -> None:
    rows = [msgspec.structs.replace(found, incident=f"drift{n:03}") for n, found in enumerate(rows)]
    card = render_digest(bulletin(*rows, sweep="sweep-2", news=news))
    assert_slack_takes(card)
    assert_harmless(card)
    for found in rows:
        if found.drifts:
            assert_slack_takes(render_card(resting(found)))
            assert_harmless(render_card(resting(found)))

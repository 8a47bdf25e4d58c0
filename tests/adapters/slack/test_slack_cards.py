"""One card per incident, edited in place, exactly once whatever is lost, and within Slack's limits."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest

from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from bot.core import entries as e
from bot.core.errors import InputError, TemporaryError, UnreachableError
from bot.core.lifecycle import advance
from bot.core.model import CardRef, IncidentId, Result
from tests.adapters.slack.conftest import MakeCards
from tests.adapters.slack.incidents import (
    NOW,
    answered,
    asked,
    bulletin,
    closed,
    opened,
    planned,
    resting,
    unasked,
)
from tests.sandbox.slack import Message, SlackServer
from tests.unit.core.samples import PERSON

WAIT_S = 20.0


def headers(slack: SlackServer) -> list[str]:
    return [m.shown_text().splitlines()[0] for m in slack.messages()]


def showing(words: str):
    def look(slack: SlackServer) -> Message | None:
        return next((m for m in slack.messages() if words in m.shown_text()), None)

    return look


def calls(slack: SlackServer, method: str) -> int:
    return sum(call.method == method for call in slack.web_api.calls)


async def test_a_card_is_posted_once_and_edited_in_place(slack: SlackServer, cards: SlackCards) -> None:
    ref = await cards.deliver(planned())
    assert ref == await cards.deliver(asked(card=ref))
    cards.show(closed(answered(asked(card=ref), approve=False)))
    message = await slack.wait_for(showing("Denied"), WAIT_S)
    assert [ref] == [CardRef(m.channel, m.ts) for m in slack.messages()]
    assert [] == list(message.buttons())


async def test_an_open_incident_gets_its_first_card_only_when_it_is_delivered(
    slack: SlackServer, cards: SlackCards
) -> None:
    cards.show(opened())
    assert await cards.deliver(unasked("abcdefgh", "")) is None
    await cards.flush()
    assert [] == slack.messages()


async def test_a_closed_incident_whose_card_was_never_posted_gets_one(
    slack: SlackServer, cards: SlackCards
) -> None:
    cards.show(closed(planned(), Result.DIAGNOSED))
    await slack.wait_for(showing("Diagnosed"), WAIT_S)


async def test_an_incident_that_ends_unasked_stays_without_a_card(slack: SlackServer, cards: SlackCards) -> None:
    ended = closed(unasked("abcdefgh", ""), Result.WITHDRAWN)
    cards.show(ended)
    assert await cards.deliver(ended) is None
    await cards.flush()
    assert [] == slack.messages()


async def test_details_are_posted_once_into_the_thread_also_over_a_restart(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    ref = await make_cards().deliver(planned())
    assert ref is not None

    def thread(slack: SlackServer) -> list[Message]:
        return slack.messages(thread_ts=ref.ts)

    await slack.wait_for(thread, WAIT_S)
    restarted = make_cards()
    restarted.show(asked(card=ref))
    await slack.wait_for(showing("expires"), WAIT_S)
    await restarted.flush()
    assert 1 == len(thread(slack))


async def test_the_latest_state_wins_and_states_between_are_not_sent(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    cards = make_cards(edit_interval_s=0.2)
    ref = await cards.deliver(planned())
    for number in range(30):
        cards.show(opened() if number % 2 else planned())
        await asyncio.sleep(0)
    cards.show(closed(asked(card=ref), Result.EXPIRED))
    await slack.wait_for(showing("Expired"), WAIT_S)
    assert 2 >= calls(slack, "chat.update")


async def test_one_card_is_edited_at_most_once_in_the_interval(slack: SlackServer, make_cards: MakeCards) -> None:
    cards = make_cards(edit_interval_s=0.1)
    approved = answered(asked(), approve=True)
    await cards.deliver(approved)
    began = time.monotonic()
    while (took := time.monotonic() - began) < 0.5:
        cards.show(approved if calls(slack, "chat.update") % 2 else closed(approved))
        await asyncio.sleep(0.005)
    assert 1 <= calls(slack, "chat.update") <= took / 0.1 + 1


async def test_all_edits_together_stay_within_the_minutes_bound(slack: SlackServer, make_cards: MakeCards) -> None:
    cards = make_cards(edits_per_minute=5, edit_interval_s=0.001)
    incidents = [f"incident{number}" for number in range(8)]
    for name in incidents:
        await cards.deliver(planned(name))
    for name in incidents:
        cards.show(asked(name))
    await slack.wait_for(lambda s: calls(s, "chat.update") >= 5, WAIT_S)
    await asyncio.sleep(0.1)
    assert 5 == calls(slack, "chat.update")


async def test_a_card_that_loses_its_buttons_goes_first_and_does_not_wait(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    cards = make_cards(edit_interval_s=60)
    await cards.deliver(planned())
    cards.show(answered(asked(), approve=True))
    await slack.wait_for(showing("Approved"), WAIT_S)


async def test_a_defect_in_one_card_keeps_no_other_from_slack(
    slack: SlackServer, session: aiohttp.ClientSession, make_cards: MakeCards
) -> None:
    class Broken(SlackApi):
        async def update(self, ref: CardRef, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
            if ref == refs[0]:
                raise RuntimeError("a defect")
            await super().update(ref, text, blocks)

    cards = make_cards(Broken(slack.bot_token, slack.base_url, session))
    refs = [await cards.deliver(planned(name)) for name in ("first", "second")]
    for name, ref in zip(("first", "second"), refs, strict=True):
        cards.show(closed(answered(asked(name, card=ref), approve=False)))
    await slack.wait_for(showing("Denied"), WAIT_S)


async def test_ended_incidents_are_shown_before_open_ones(slack: SlackServer, make_cards: MakeCards) -> None:
    cards = make_cards(edits_per_minute=1, edit_interval_s=0.001)
    for name in ("incident1", "incident2", "incident3"):
        await cards.deliver(answered(asked(name), approve=True))
    await asyncio.sleep(0.01)
    cards.show(planned("incident1"))
    cards.show(planned("incident2"))
    cards.show(closed(asked("incident3"), Result.HEALED))
    await slack.wait_for(showing("Healed"), WAIT_S)
    assert 1 == calls(slack, "chat.update")


async def test_a_429_is_waited_for_as_long_as_slack_asks(slack: SlackServer, cards: SlackCards) -> None:
    ref = await cards.deliver(planned())
    slack.faults.rate_limit("chat.update", retry_after_s=1)
    began = time.monotonic()
    cards.show(closed(asked(card=ref)))
    await slack.wait_for(showing("Denied"), WAIT_S)
    assert time.monotonic() - began >= 1
    assert 2 == calls(slack, "chat.update")


async def test_a_delivery_that_is_limited_says_for_how_long(slack: SlackServer, cards: SlackCards) -> None:
    slack.faults.rate_limit("chat.postMessage", retry_after_s=7)
    with pytest.raises(TemporaryError) as caught:
        await cards.deliver(planned())
    assert 7 == caught.value.retry_after_s
    assert 1 == calls(slack, "chat.postMessage")


@pytest.mark.parametrize("lost", ["lose_reply", "hang_up"])
async def test_a_post_whose_reply_was_lost_is_found_and_not_repeated(
    slack: SlackServer, cards: SlackCards, lost: str
) -> None:
    getattr(slack.faults, lost)("chat.postMessage")
    ref = await cards.deliver(planned())
    assert [ref] == [CardRef(m.channel, m.ts) for m in slack.messages()]
    assert 1 == len([m for m in slack.workspace.everything(slack.channel) if m.thread_ts is None])


async def test_a_bot_that_dies_between_post_and_reply_leaves_one_card(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    slack.faults.hang_up("chat.postMessage")
    cards = make_cards()
    task = asyncio.create_task(cards.deliver(planned()))
    await slack.wait_for(lambda s: s.messages(), WAIT_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ref = await make_cards().deliver(planned())
    assert [ref] == [CardRef(m.channel, m.ts) for m in slack.messages()]


async def test_a_restarted_bot_finds_the_card_that_it_could_not_journal(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    first = await make_cards().deliver(planned())
    for number in range(5):
        await make_cards().deliver(planned(f"another{number}"))
    assert first == await make_cards().deliver(asked())
    assert 6 == len(slack.messages())


async def test_a_restarted_bot_edits_the_card_that_its_journal_names(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    ref = await make_cards().deliver(planned())
    before = calls(slack, "conversations.history")
    make_cards().show(closed(asked(card=ref)))
    await slack.wait_for(showing("Denied"), WAIT_S)
    assert before == calls(slack, "conversations.history")
    assert 1 == len(slack.messages())


async def test_a_card_that_a_person_deleted_is_posted_again(slack: SlackServer, cards: SlackCards) -> None:
    ref = await cards.deliver(planned())
    (message,) = slack.messages()
    slack.workspace.remove(message)
    again = await cards.deliver(asked(card=ref))
    assert ref != again
    assert [again] == [CardRef(m.channel, m.ts) for m in slack.messages()]


async def test_while_slack_is_down_a_delivery_fails_and_the_card_comes_when_it_is_back(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    cards = make_cards()
    slack.begin_outage()
    with pytest.raises(UnreachableError, match="HTTP 503"):
        await cards.deliver(planned())
    slack.end_outage()
    assert await cards.deliver(planned()) is not None
    assert 1 == len(slack.messages())


async def test_a_wrong_channel_keeps_the_question_waiting_with_one_clear_sentence(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    with pytest.raises(TemporaryError, match=r"channel_not_found.*slack\.channel is not the id") as caught:
        await make_cards(channel="C0NOWHERE").deliver(planned())
    assert isinstance(caught.value.__cause__, InputError)


async def test_a_channel_without_the_bot_says_to_invite_it(make_cards: MakeCards) -> None:
    with pytest.raises(TemporaryError, match="invite the bot"):
        await make_cards(channel="C0PRIVATE").deliver(planned())


async def test_a_missing_scope_is_named(slack: SlackServer, api: SlackApi) -> None:
    slack.bot_scopes.discard("users:read")
    with pytest.raises(InputError, match=r"users\.info \(missing_scope users:read\)"):
        await api.user("U0MIRA")


async def test_a_wrong_token_is_one_clear_error(slack: SlackServer, api: SlackApi) -> None:
    api.client.token = "xoxb-of-another-app"
    with pytest.raises(InputError, match=r"auth\.test \(invalid_auth\).*bot token"):
        await api.team()


async def test_incidents_of_a_storm_share_one_card_over_a_restart(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    cards = make_cards()
    for name in ("storm111", "storm222"):
        cards.show(unasked(name, "the-storm"))
    await slack.wait_for(showing("on 2 nodes"), WAIT_S)
    restarted = make_cards()
    for name in ("storm111", "storm222", "storm333"):
        restarted.show(unasked(name, "the-storm"))
    await slack.wait_for(showing("on 3 nodes"), WAIT_S)
    assert 1 == len(slack.messages())


async def test_a_digest_is_one_card_whose_rows_move_with_their_incidents_over_a_restart(
    slack: SlackServer, make_cards: MakeCards
) -> None:
    rests = {name: resting(name) for name in ("drift111", "drift222")}
    make_cards().show_digest(bulletin(**rests))
    await slack.wait_for(showing("2 targets drifted"), WAIT_S)
    restarted = make_cards()
    for incident in rests.values():
        restarted.show(incident)
    restarted.show_digest(bulletin(**rests))
    picked = advance(rests["drift111"], e.Picked(at=NOW, actor=PERSON))
    restarted.show(picked)
    await slack.wait_for(showing(f"picked by <@{PERSON.user}>"), WAIT_S)
    assert 1 == len(slack.messages())
    assert 1 == len(list(slack.messages()[0].buttons())), "the other one can still be picked"


async def test_a_click_may_come_before_slack_has_confirmed_the_post(slack: SlackServer, cards: SlackCards) -> None:
    slack.faults.delay("chat.postMessage", 0.2)
    here = CardRef(slack.channel, "1700000000.000001")
    task = asyncio.create_task(cards.deliver(planned()))
    for _ in range(200):
        if cards.is_card(IncidentId("abcdefgh"), here):
            break
        await asyncio.sleep(0.005)
    assert cards.is_card(IncidentId("abcdefgh"), here)
    assert not cards.is_card(IncidentId("abcdefgh"), CardRef("C0OTHER", here.ts))
    await task
    assert not cards.is_card(IncidentId("abcdefgh"), here)

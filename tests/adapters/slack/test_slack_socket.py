"""Clicks over Socket Mode: acknowledged at once, believed only on our own card, never swallowed without a word."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from bot.adapters.slack.socket import SlackSocket
from bot.core.errors import InputError, UnreachableError
from bot.core.model import Actor
from bot.views.card import APPROVE, DENY, ButtonValue
from bot.views.digest_card import PICK, PickValue
from tests.adapters.slack.conftest import settings
from tests.adapters.slack.incidents import bulletin, planned
from tests.sandbox.slack import (
    APPROVER,
    FORMER,
    GUEST,
    OUTSIDER,
    SECOND_APPROVER,
    STRANGER,
    Outcome,
    SlackServer,
)
from tests.sandbox.slack.model import User
from tests.sandbox.slack.people import PARTNER_TEAM_ID, TEAM_ID
from tests.sandbox.slack.socketmode import ACK_WITHIN_S
from tests.waiting import eventually

WAIT_S = 30.0


@dataclass
class Answers:
    """The engine's side: takes the first answer, refuses whoever is not one of two people."""

    taken: list[tuple[ButtonValue, bool, Actor]] = field(default_factory=list)
    picked: list[tuple[PickValue, Actor]] = field(default_factory=list)

    def __call__(self, button: ButtonValue, approve: bool, actor: Actor) -> tuple[bool, str]:
        if actor.user not in {APPROVER.id, SECOND_APPROVER.id}:
            return False, "You are not on the list."
        if self.taken:
            return False, "This was already answered."
        self.taken.append((button, approve, actor))
        return True, "Approved."

    def pick(self, button: PickValue, actor: Actor) -> tuple[bool, str]:
        if self.picked:
            return False, "It was picked already."
        self.picked.append((button, actor))
        return True, "It asks on its own card."


@dataclass
class Desk:
    """A card in the channel, and a socket that hears its buttons."""

    slack: SlackServer
    answers: Answers
    socket: SlackSocket
    ts: str

    async def press(self, user: User, action: str = APPROVE) -> Outcome:
        return (await self.slack.click(self.ts, action, user=user)).outcome

    async def told(self, user: User) -> str:
        found = await self.slack.wait_for(lambda s: s.ephemerals(user), WAIT_S)
        return found[-1].text


Connect = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def connect(slack: SlackServer, api: SlackApi, cards: SlackCards) -> AsyncIterator[Connect]:
    running: list[asyncio.Task[None]] = []

    async def start(stuck_s: float = 60.0) -> Desk:
        ref = await cards.deliver(planned())
        assert ref is not None
        answers = Answers()
        socket = SlackSocket(
            api,
            slack.app_token,
            settings(slack),
            answers,
            answers.pick,
            cards.is_card,
            stuck_s=stuck_s,
            retry_s=0.05,
        )
        running.append(asyncio.create_task(socket.run()))
        await slack.wait_for(lambda s: s.sockets.connections, WAIT_S)
        return Desk(slack, answers, socket, ref.ts)

    yield start
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def listening(slack: SlackServer, api: SlackApi, app_token: str) -> AsyncIterator[None]:
    socket = SlackSocket(api, app_token, settings(slack), Answers(), Answers().pick, lambda *_: True)
    async with socket.listen():
        yield


def payload(desk: Desk, **changes: object) -> dict[str, object]:
    """A block_actions payload as Slack would send it, but for what a test forges."""
    value = ButtonValue("abcdefgh", "d" * 64)
    action = {"type": "button", "action_id": APPROVE, "block_id": "b", "action_ts": "1.1"}
    genuine = {
        "type": "block_actions",
        "team": {"id": TEAM_ID},
        "user": {"id": APPROVER.id, "team_id": TEAM_ID},
        "container": {"type": "message", "message_ts": desk.ts, "channel_id": desk.slack.channel},
        "actions": [{**action, "value": json.dumps({"incident": value.incident, "digest": value.digest})}],
    }
    return genuine | changes


async def test_a_click_is_acknowledged_and_decided(connect: Connect) -> None:
    desk = await connect()
    click = await desk.slack.click(desk.ts, APPROVE, user=APPROVER)
    assert Outcome.ACKNOWLEDGED is click.outcome
    ((button, approve, actor),) = desk.answers.taken
    assert ButtonValue("abcdefgh", "d" * 64) == button
    assert approve
    assert ("slack", APPROVER.id, TEAM_ID) == (actor.via, actor.user, actor.team)


async def test_a_click_is_acknowledged_before_anybody_is_told_what_became_of_it(
    slack: SlackServer, connect: Connect
) -> None:
    """Slack's own patience ends before the answer has gone out."""
    slack.faults.delay("chat.postEphemeral", ACK_WITHIN_S + 1)
    desk = await connect()
    assert Outcome.ACKNOWLEDGED is await desk.press(OUTSIDER)
    assert "You are not on the list." == await desk.told(OUTSIDER)


async def test_the_evidence_of_a_click_can_be_looked_up_later(connect: Connect) -> None:
    desk = await connect()
    click = await desk.slack.click(desk.ts, DENY, user=APPROVER)
    ((_, approve, actor),) = desk.answers.taken
    assert not approve
    assert f"message_ts={desk.ts}" in actor.evidence
    assert f"envelope={click.envelope_id}" in actor.evidence
    assert "action_ts=" in actor.evidence


async def test_the_wrong_person_gets_a_private_answer_and_changes_nothing(connect: Connect) -> None:
    desk = await connect()
    assert Outcome.ACKNOWLEDGED is await desk.press(OUTSIDER)
    assert "You are not on the list." == await desk.told(OUTSIDER)
    assert [] == desk.answers.taken
    assert [] == desk.slack.ephemerals(APPROVER)


@pytest.mark.parametrize(
    ("user", "account"), [(GUEST, "a guest"), (STRANGER, "from another organisation")], ids=["guest", "stranger"]
)
async def test_an_approver_whose_account_is_no_members_is_refused(
    connect: Connect, user: User, account: str
) -> None:
    desk = await connect()
    await desk.press(user)
    assert f"Your account is {account}" in await desk.told(user)
    assert [] == desk.answers.taken


async def test_an_approver_who_left_is_refused(connect: Connect) -> None:
    desk = await connect()
    await desk.press(FORMER)
    assert [] == desk.answers.taken


async def test_an_approver_whom_slack_did_not_tell_about_is_refused_for_now(
    slack: SlackServer, connect: Connect
) -> None:
    slack.faults.refuse("users.info", calls=5)
    desk = await connect()
    await desk.press(APPROVER)
    assert "try again in a moment" in await desk.told(APPROVER)
    assert [] == desk.answers.taken


async def test_of_two_clicks_one_is_taken_and_the_other_person_is_told(connect: Connect) -> None:
    desk = await connect()
    await asyncio.gather(desk.press(APPROVER), desk.press(SECOND_APPROVER, DENY))
    assert 1 == len(desk.answers.taken)
    loser = SECOND_APPROVER if desk.answers.taken[0][2].user == APPROVER.id else APPROVER
    assert "This was already answered." == await desk.told(loser)


def button(incident: object = "abcdefgh", digest: object = "d" * 64) -> list[dict[str, object]]:
    return [{"action_id": APPROVE, "value": json.dumps({"incident": incident, "digest": digest})}]


FORGERIES: dict[str, Callable[[Desk], dict[str, object]]] = {
    "another channel": lambda d: {"container": {"message_ts": d.ts, "channel_id": "C0OTHER"}},
    "another message": lambda d: {"container": {"message_ts": "1.2", "channel_id": d.slack.channel}},
    "another incident": lambda _: {"actions": button("incident9")},
    "a value that is no JSON": lambda _: {"actions": [{"action_id": APPROVE, "value": "{"}]},
    "a value with more in it": lambda _: {
        "actions": [{"action_id": APPROVE, "value": '{"incident":"x","digest":"y","z":1}'}]
    },
    "a value of another type": lambda _: {"actions": button(["abcdefgh"], 5)},
    "no value": lambda _: {"actions": [{"action_id": APPROVE}]},
    "no container": lambda _: {"container": {}},
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_click_is_refused_in_private(connect: Connect, forgery: str) -> None:
    desk = await connect()
    delivery = await desk.slack.sockets.deliver("e1", payload(desk, **FORGERIES[forgery](desk)))
    assert Outcome.ACKNOWLEDGED is delivery.outcome
    if forgery not in {"another channel", "no container"}:
        assert "Nothing happened." in await desk.told(APPROVER)
    assert [] == desk.answers.taken


@pytest.mark.parametrize(
    "changes",
    [
        {"actions": []},
        {"actions": "approve"},
        {"user": None},
        {"actions": [{"action_id": "of-another-app", "value": "x"}]},
        {"actions": [{"action_id": APPROVE, "value": "{}"}] * 2},
        {"type": "view_submission"},
    ],
    ids=["no action", "a text", "nobody", "another button", "two buttons", "another kind"],
)
async def test_a_payload_that_is_no_click_of_ours_is_acknowledged_and_dropped(
    connect: Connect, changes: dict[str, object]
) -> None:
    desk = await connect()
    delivery = await desk.slack.sockets.deliver("e1", payload(desk, **changes))
    assert Outcome.ACKNOWLEDGED is delivery.outcome
    assert [] == desk.answers.taken


async def test_the_persons_own_workspace_is_told_to_the_engine(connect: Connect) -> None:
    desk = await connect()
    forged = payload(desk, user={"id": APPROVER.id, "team_id": PARTNER_TEAM_ID})
    await desk.slack.sockets.deliver("e1", forged)
    assert [PARTNER_TEAM_ID] == [actor.team for _, _, actor in desk.answers.taken]


async def test_a_dropped_socket_is_opened_again_and_the_next_click_works(connect: Connect) -> None:
    desk = await connect()
    desk.slack.sockets.drop()
    await desk.slack.wait_for(lambda s: not s.sockets.connections, WAIT_S)
    await desk.slack.wait_for(lambda s: s.sockets.connections, WAIT_S)
    assert Outcome.ACKNOWLEDGED is await desk.press(APPROVER)
    assert 1 == len(desk.answers.taken)


async def test_slack_may_ask_to_connect_anew(connect: Connect) -> None:
    desk = await connect()
    opened = [call for call in desk.slack.web_api.calls if call.method == "apps.connections.open"]
    await desk.slack.sockets.ask_to_reconnect()
    await desk.slack.wait_for(lambda s: s.sockets.connections, WAIT_S)
    again = [call for call in desk.slack.web_api.calls if call.method == "apps.connections.open"]
    assert len(opened) + 1 == len(again)
    assert Outcome.ACKNOWLEDGED is await desk.press(APPROVER)


async def test_a_warning_before_the_end_of_a_socket_takes_no_click_away(connect: Connect) -> None:
    desk = await connect()
    await desk.slack.sockets.ask_to_reconnect("warning")
    await asyncio.sleep(0.2)
    assert Outcome.ACKNOWLEDGED is await desk.press(APPROVER)


async def test_an_sdk_that_knocks_at_a_used_up_address_is_replaced(connect: Connect) -> None:
    """Its monitor looks every 5 s whether the session still stands, and never asks for another address."""
    desk = await connect(stuck_s=8)
    desk.slack.sockets.spoil_next_ticket()
    desk.slack.sockets.drop()
    await desk.slack.wait_for(lambda s: not s.sockets.connections, WAIT_S)
    await desk.slack.wait_for(lambda s: s.sockets.connections, 2 * WAIT_S)
    assert Outcome.ACKNOWLEDGED is await desk.press(APPROVER)


async def test_after_an_outage_the_socket_comes_back(slack: SlackServer, connect: Connect) -> None:
    desk = await connect(stuck_s=0.5)
    slack.begin_outage()
    await slack.wait_for(lambda s: not s.sockets.connections, WAIT_S)
    assert Outcome.UNDELIVERED is await desk.press(APPROVER)
    slack.end_outage()
    await slack.wait_for(lambda s: s.sockets.connections, WAIT_S)
    assert Outcome.ACKNOWLEDGED is await desk.press(APPROVER)


async def test_a_click_while_the_bot_is_away_is_marked_by_slack_itself(
    slack: SlackServer, cards: SlackCards
) -> None:
    ref = await cards.deliver(planned())
    assert ref is not None
    click = await slack.click(ref.ts, APPROVE)
    assert Outcome.UNDELIVERED is click.outcome


async def test_other_connections_of_the_same_app_are_warned_about(
    slack: SlackServer, connect: Connect, warnings: list[MutableMapping[str, Any]]
) -> None:
    slack.sockets.ghosts = 2
    await connect()
    await eventually(lambda: [3] == [line["num_connections"] for line in warnings if "num_connections" in line])


async def test_a_wrong_app_token_is_one_clear_error(slack: SlackServer, api: SlackApi) -> None:
    with pytest.raises(InputError, match=r"apps\.connections\.open \(invalid_auth\)"):
        async with listening(slack, api, "xapp-of-another"):
            pass


async def test_a_bot_token_for_the_socket_is_told_apart(slack: SlackServer, api: SlackApi) -> None:
    with pytest.raises(InputError, match="xapp-"):
        async with listening(slack, api, slack.bot_token):
            pass


async def test_a_slack_that_is_down_is_no_setup_error(slack: SlackServer, api: SlackApi) -> None:
    slack.begin_outage()
    with pytest.raises(UnreachableError):
        async with listening(slack, api, slack.app_token):
            pass


async def test_a_row_of_a_digest_is_picked_once_and_only_from_that_card(
    slack: SlackServer, cards: SlackCards, connect: Connect
) -> None:
    desk = await connect()
    cards.show_digest(bulletin())
    card = await slack.wait_for(lambda s: next((m for m in s.messages() if "drifted" in m.text), None), WAIT_S)
    (button,) = card.buttons()
    click = await slack.click(card.ts, PICK, user=APPROVER)
    assert Outcome.ACKNOWLEDGED is click.outcome
    ((picked, actor),) = desk.answers.picked
    assert (PickValue("sweep-1", "abcdefgh"), APPROVER.id) == (picked, actor.user)
    assert f"message_ts={card.ts}" in actor.evidence
    await slack.click(card.ts, PICK, user=SECOND_APPROVER)
    assert "It was picked already." == await desk.told(SECOND_APPROVER)
    desk.answers.picked.clear()
    elsewhere = payload(desk, actions=[{"action_id": PICK, "value": button.value, "action_ts": "1.1"}])
    await slack.sockets.deliver("e1", elsewhere)
    assert "This is not the card of that incident. Nothing happened." == await desk.told(APPROVER)
    assert [] == desk.answers.picked

"""The real Socket Mode client of slack_sdk against the stand-in: connect, click, acknowledge, lose, reconnect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.sandbox.slack import APPROVER, OUTSIDER, STRANGER, Outcome, SlackServer

CARD = [
    {"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "*ncn-w001* needs a repair"}},
    {
        "type": "actions",
        "block_id": "answer",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": "Approve"},
                "value": "incident-7|digest-a1",
                "style": "primary",
            }
        ],
    },
]


class App:
    """A minimal app: it keeps every request, and acknowledges at once unless told not to."""

    def __init__(self, client: SocketModeClient, *, answers: bool) -> None:
        self.client = client
        self.requests: asyncio.Queue[SocketModeRequest] = asyncio.Queue()
        self.hellos: asyncio.Queue[int] = asyncio.Queue()
        self._answers = answers
        client.socket_mode_request_listeners.append(self._on_request)
        client.message_listeners.append(self._on_message)

    async def _on_request(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        if self._answers:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        await self.requests.put(request)

    async def _on_message(self, _client: AsyncBaseSocketModeClient, message: dict, _raw: str) -> None:
        if message.get("type") == "hello":
            await self.hellos.put(message["num_connections"])


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(ack_within_s=0.3) as server:
        yield server


def web_client(slack: SlackServer) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)


@asynccontextmanager
async def connected(slack: SlackServer, *, answers: bool = True) -> AsyncIterator[App]:
    client = SocketModeClient(slack.app_token, web_client=web_client(slack), ping_interval=0.1)
    app = App(client, answers=answers)
    await client.connect()
    try:
        await app.hellos.get()
        yield app
    finally:
        await client.close()


async def posted_card(slack: SlackServer) -> str:
    reply = await web_client(slack).chat_postMessage(channel=slack.channel, text="a repair", blocks=CARD)
    return reply["ts"]


async def test_a_click_reaches_the_app_as_block_actions_and_is_acknowledged(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        click = await slack.click(ts, "approve", user=APPROVER)
        request = await app.requests.get()

    assert Outcome.ACKNOWLEDGED == click.outcome
    assert ("interactive", click.envelope_id) == (request.type, request.envelope_id)
    payload = request.payload
    assert "block_actions" == payload["type"]
    assert {"id": "U0MIRA", "username": "mira", "name": "mira", "team_id": "T0CRAYOPS"} == payload["user"]
    assert ("A0IMSBOT", "T0CRAYOPS") == (payload["api_app_id"], payload["team"]["id"])
    assert (ts, slack.channel) == (payload["container"]["message_ts"], payload["container"]["channel_id"])
    assert ts == payload["message"]["ts"]
    (action,) = payload["actions"]
    assert ("approve", "answer", "incident-7|digest-a1") == (
        action["action_id"],
        action["block_id"],
        action["value"],
    )
    assert ts < action["action_ts"]


async def test_a_person_of_another_workspace_clicks_under_their_own_team(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        await slack.click(ts, "approve", user=STRANGER)
        request = await app.requests.get()

    assert ("T0PARTNER", "T0CRAYOPS") == (request.payload["user"]["team_id"], request.payload["team"]["id"])


async def test_a_click_that_nobody_answers_in_time_is_lost_and_not_sent_again(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack, answers=False) as app:
        click = await slack.click(ts, "approve")
        await app.requests.get()

        assert Outcome.UNACKNOWLEDGED == click.outcome
        assert app.requests.empty()
    assert [click] == slack.clicks


async def test_a_click_without_any_connection_goes_nowhere(slack: SlackServer) -> None:
    ts = await posted_card(slack)

    click = await slack.click(ts, "approve")

    assert Outcome.UNDELIVERED == click.outcome


async def test_each_click_goes_to_exactly_one_of_several_connections(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as first, connected(slack) as second:
        for _ in range(8):
            await slack.click(ts, "approve")
        counts = (first.requests.qsize(), second.requests.qsize())

    assert 8 == sum(counts)
    assert 0 not in counts


async def test_ghost_connections_are_counted_in_hello_and_swallow_clicks(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    slack.sockets.ghosts = 9
    client = SocketModeClient(slack.app_token, web_client=web_client(slack))
    app = App(client, answers=True)
    try:
        await client.connect()
        assert 10 == await app.hellos.get()
        outcomes = {(await slack.click(ts, "approve")).outcome for _ in range(3)}
    finally:
        await client.close()

    assert Outcome.UNACKNOWLEDGED in outcomes


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
async def test_a_disconnect_makes_the_client_come_back_on_a_new_connection(
    slack: SlackServer, reason: str
) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        await slack.sockets.ask_to_reconnect(reason)
        await app.hellos.get()
        click = await slack.click(ts, "approve")

    assert Outcome.ACKNOWLEDGED == click.outcome


async def test_a_cut_connection_is_noticed_and_replaced(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        slack.sockets.drop()
        await slack.wait_for(lambda s: s.sockets.connections == 0, timeout_s=5)
        await app.hellos.get()
        click = await slack.click(ts, "approve")

    assert Outcome.ACKNOWLEDGED == click.outcome


async def test_a_ticket_opens_one_connection_only(slack: SlackServer) -> None:
    async with connected(slack) as app:
        uri = app.client.wss_uri
        async with app.client.aiohttp_client_session.get(uri.replace("ws", "http", 1)) as response:
            assert 403 == response.status


async def test_the_response_url_answers_privately_and_dies_after_five_uses(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        await slack.click(ts, "approve", user=OUTSIDER)
        request = await app.requests.get()
    webhook = AsyncWebhookClient(request.payload["response_url"])

    answers = [await webhook.send(text=f"Only approvers may answer ({n})") for n in range(6)]

    assert [(200, "ok")] * 5 + [(404, "used_url")] == [(a.status_code, a.body) for a in answers]
    assert 5 == len(slack.ephemerals(OUTSIDER))
    assert [] == slack.ephemerals(APPROVER)
    assert 1 == len(slack.messages())


async def test_the_response_url_can_replace_the_card(slack: SlackServer) -> None:
    ts = await posted_card(slack)
    async with connected(slack) as app:
        await slack.click(ts, "approve")
        request = await app.requests.get()

    await AsyncWebhookClient(request.payload["response_url"]).send(text="Working", replace_original=True)

    assert [(ts, "Working", ())] == [(m.ts, m.text, m.blocks) for m in slack.messages()]

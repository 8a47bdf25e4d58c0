"""The real Web API client of slack_sdk against the stand-in: posts, edits, reads, refusals, limits, faults."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.sandbox.slack import APPROVER, FORMER, GUEST, OUTSIDER, STRANGER, SlackServer
from tests.sandbox.slack.limits import UNLIMITED, Limit, RateLimits
from tests.sandbox.slack.model import Ts

SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}]
METADATA = {"event_type": "imsbot_incident", "event_payload": {"incident": "7", "digest": "a1"}}


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(limits=UNLIMITED) as server:
        yield server


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.base_url, retry_handlers=[])


async def refusal(call: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response.data


async def test_auth_test_says_which_team_and_bot_this_is(client: AsyncWebClient) -> None:
    reply = await client.auth_test()

    expected = ("T0CRAYOPS", "U0IMSBOT", "B0IMSBOT")
    assert expected == (reply["team_id"], reply["user_id"], reply["bot_id"])


async def test_a_posted_message_is_found_with_its_metadata_only_when_asked_for(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel=slack.channel, text="card", blocks=SECTION, metadata=METADATA)

    plain = await client.conversations_history(channel=slack.channel)
    full = await client.conversations_history(channel=slack.channel, include_all_metadata=True)

    assert [posted["ts"]] == [m["ts"] for m in full["messages"]]
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == METADATA
    assert full["messages"][0]["bot_id"] == "B0IMSBOT"


async def test_slack_names_the_blocks_and_keeps_text_escaped(slack: SlackServer, client: AsyncWebClient) -> None:
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "a & b <b> <!channel> &lt;"}},
        {"type": "header", "text": {"type": "plain_text", "text": "a & b <!channel>"}},
    ]
    reply = await client.chat_postMessage(channel=slack.channel, text="x", blocks=blocks)

    section, header = reply["message"]["blocks"]
    assert section["text"]["text"] == "a &amp; b &lt;b&gt; <!channel> &lt;"
    assert header["text"]["text"] == "a &amp; b &lt;!channel&gt;"
    assert section["block_id"] != header["block_id"]


async def test_replies_stay_in_their_thread(slack: SlackServer, client: AsyncWebClient) -> None:
    parent = await client.chat_postMessage(channel=slack.channel, text="card")
    await client.chat_postMessage(channel=slack.channel, text="step 1", thread_ts=parent["ts"])
    last = await client.chat_postMessage(channel=slack.channel, text="step 2", thread_ts=parent["ts"])

    history = await client.conversations_history(channel=slack.channel)
    thread = await client.conversations_replies(channel=slack.channel, ts=parent["ts"])

    assert [m["text"] for m in history["messages"]] == ["card"]
    assert (history["messages"][0]["reply_count"], history["messages"][0]["latest_reply"]) == (2, last["ts"])
    assert [m["text"] for m in thread["messages"]] == ["card", "step 1", "step 2"]
    assert thread["messages"][1]["thread_ts"] == parent["ts"]


async def test_history_pages_newest_first(slack: SlackServer, client: AsyncWebClient) -> None:
    for number in range(5):
        await client.chat_postMessage(channel=slack.channel, text=str(number))

    pages = [page["messages"] async for page in await client.conversations_history(channel=slack.channel, limit=2)]

    assert [[m["text"] for m in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]


async def test_history_can_begin_after_a_moment(slack: SlackServer, client: AsyncWebClient) -> None:
    first = await client.chat_postMessage(channel=slack.channel, text="old")
    await client.chat_postMessage(channel=slack.channel, text="new")

    after = await client.conversations_history(channel=slack.channel, oldest=first["ts"])
    including = await client.conversations_history(channel=slack.channel, oldest=first["ts"], inclusive=True)

    assert [m["text"] for m in after["messages"]] == ["new"]
    assert [m["text"] for m in including["messages"]] == ["new", "old"]


async def test_an_update_keeps_metadata_unless_it_is_sent(slack: SlackServer, client: AsyncWebClient) -> None:
    card = await client.chat_postMessage(channel=slack.channel, text="v1", blocks=SECTION, metadata=METADATA)

    await client.chat_update(channel=slack.channel, ts=card["ts"], text="v2", blocks=SECTION)
    (kept,) = slack.messages()
    await client.chat_update(
        channel=slack.channel,
        ts=card["ts"],
        text="v3",
        blocks=SECTION,
        metadata={"event_type": "done", "event_payload": {}},
    )
    (replaced,) = slack.messages()

    assert (kept.text, kept.metadata, kept.edited_ts) == ("v2", METADATA, None)
    assert replaced.metadata == {"event_type": "done", "event_payload": {}}


async def test_an_update_with_text_alone_takes_the_blocks_away(slack: SlackServer, client: AsyncWebClient) -> None:
    card = await client.chat_postMessage(channel=slack.channel, text="v1", blocks=SECTION)

    await client.chat_update(channel=slack.channel, ts=card["ts"], text="v2")

    (message,) = slack.messages()
    assert (message.text, message.blocks) == ("v2", ())
    assert message.edited_ts is not None


async def test_only_own_messages_can_be_changed(slack: SlackServer, client: AsyncWebClient) -> None:
    human = slack.say(OUTSIDER, "is anybody looking at ncn-w001?")
    await client.chat_postEphemeral(channel=slack.channel, user=OUTSIDER.id, text="only you")
    (private,) = slack.ephemerals(OUTSIDER)

    update = {"channel": slack.channel, "text": "x"}
    assert (await refusal(client.chat_update(ts=human.ts, **update)))["error"] == "cant_update_message"
    assert (await refusal(client.chat_update(ts=private.ts, **update)))["error"] == "message_not_found"
    assert (await refusal(client.chat_update(ts="1.000001", **update)))["error"] == "message_not_found"
    assert (await refusal(client.chat_delete(channel=slack.channel, ts=human.ts)))[
        "error"
    ] == "cant_delete_message"


async def test_a_duplicate_can_be_deleted(slack: SlackServer, client: AsyncWebClient) -> None:
    card = await client.chat_postMessage(channel=slack.channel, text="twice")

    await client.chat_delete(channel=slack.channel, ts=card["ts"])

    assert slack.messages() == []


async def test_users_info_tells_guests_strangers_and_the_departed_apart(client: AsyncWebClient) -> None:
    async def facts(user: str) -> tuple[Any, ...]:
        record = (await client.users_info(user=user))["user"]
        return tuple(record.get(key) for key in ("team_id", "is_restricted", "is_stranger", "deleted", "is_bot"))

    assert await facts(APPROVER.id) == ("T0CRAYOPS", False, None, False, False)
    assert await facts(GUEST.id) == ("T0CRAYOPS", True, None, False, False)
    assert await facts(STRANGER.id) == ("T0PARTNER", False, True, False, False)
    assert await facts(FORMER.id) == ("T0CRAYOPS", None, None, True, False)
    assert (await refusal(client.users_info(user="U0NOBODY")))["error"] == "user_not_found"


async def test_channels_must_exist_and_the_app_must_be_in_them(slack: SlackServer, client: AsyncWebClient) -> None:
    by_name = await client.chat_postMessage(channel="#ims-repairs", text="hello")

    assert by_name["channel"] == slack.channel
    assert (await refusal(client.chat_postMessage(channel="C0NONE", text="x")))["error"] == "channel_not_found"
    assert (await refusal(client.chat_postMessage(channel="C0PRIVATE", text="x")))["error"] == "not_in_channel"
    assert (await client.conversations_info(channel="C0PRIVATE"))["channel"]["is_member"] is False


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-wrong", "invalid_auth"), ("xapp-sandbox-not-a-secret", "not_allowed_token_type")],
)
async def test_a_wrong_token_is_told_apart(slack: SlackServer, token: str, error: str) -> None:
    client = AsyncWebClient(token=token, base_url=slack.base_url)

    assert (await refusal(client.conversations_history(channel=slack.channel)))["error"] == error


async def test_a_missing_scope_names_what_is_needed(slack: SlackServer, client: AsyncWebClient) -> None:
    slack.bot_scopes.discard("channels:history")

    body = await refusal(client.conversations_history(channel=slack.channel))

    assert (body["error"], body["needed"]) == ("missing_scope", "channels:history")
    assert body["provided"] == "channels:read,chat:write,users:read"


async def test_a_form_is_understood_like_json(slack: SlackServer) -> None:
    form = {"token": slack.bot_token, "channel": slack.channel, "text": "x", "blocks": '[{"type": "divider"}]'}
    async with aiohttp.ClientSession() as http:
        async with http.post(slack.base_url + "chat.postMessage", data=form) as response:
            assert (await response.json())["ok"] is True
        async with http.post(slack.base_url + "chat.unknown", data=form) as response:
            assert (await response.json())["error"] == "unknown_method"
        async with http.post(
            slack.base_url + "auth.test", data="{", headers={"Content-Type": "application/json"}
        ) as response:
            assert (await response.json())["error"] == "invalid_json"


async def test_a_message_needs_text_or_blocks(slack: SlackServer, client: AsyncWebClient) -> None:
    assert (await refusal(client.api_call("chat.postMessage", json={"channel": slack.channel})))[
        "error"
    ] == "no_text"


@pytest.mark.parametrize(
    "metadata", ["{", {"event_type": "no payload"}, {"event_type": "bad name", "event_payload": {}}]
)
async def test_broken_metadata_is_refused(slack: SlackServer, client: AsyncWebClient, metadata: Any) -> None:
    body = await refusal(client.chat_postMessage(channel=slack.channel, text="x", metadata=metadata))

    assert body["error"].startswith("invalid_metadata")


async def test_posting_faster_than_a_channel_takes_is_answered_429() -> None:
    async with SlackServer() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url, retry_handlers=[])
        for _ in range(5):
            await client.chat_postMessage(channel=slack.channel, text="burst")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=slack.channel, text="one too many")

    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"


def test_a_bucket_refills_with_time_and_each_channel_has_its_own() -> None:
    now = 0.0
    limits = RateLimits({"post": Limit(60, 2, per_channel=True)}, clock=lambda: now)

    assert [limits.spend("post", "a") for _ in range(3)] == [None, None, 1]
    assert limits.spend("post", "b") is None
    now = 1.0
    assert [limits.spend("post", "a") for _ in range(2)] == [None, 1]


async def test_the_clients_own_retry_honours_the_wait(slack: SlackServer) -> None:
    slack.faults.rate_limit("chat.postMessage", calls=1, retry_after_s=0)
    handlers = [AsyncRateLimitErrorRetryHandler(max_retry_count=2)]
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url, retry_handlers=handlers)

    await client.chat_postMessage(channel=slack.channel, text="in the end")

    assert [call.status for call in slack.web_api.calls] == [429, 200]
    assert [m.text for m in slack.messages()] == ["in the end"]


@pytest.mark.parametrize("lose", ["lose_reply", "hang_up"])
async def test_a_lost_reply_leaves_the_message_standing(
    slack: SlackServer, client: AsyncWebClient, lose: str
) -> None:
    getattr(slack.faults, lose)("chat.postMessage")

    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel=slack.channel, text="once")
    await client.chat_postMessage(channel=slack.channel, text="once")

    assert [m.text for m in slack.messages()] == ["once", "once"]


async def test_a_refused_call_leaves_nothing(slack: SlackServer, client: AsyncWebClient) -> None:
    slack.faults.refuse("*", status=503)

    body = await refusal(client.chat_postMessage(channel=slack.channel, text="x"))

    assert (body["error"], slack.messages()) == ("service_unavailable", [])


async def test_an_outage_ends(slack: SlackServer, client: AsyncWebClient) -> None:
    slack.begin_outage()
    assert (await refusal(client.auth_test()))["error"] == "service_unavailable"

    slack.end_outage()
    assert (await client.auth_test())["ok"] is True


async def test_a_test_that_waits_in_vain_is_told_what_the_channel_shows(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel=slack.channel, text="something else")

    with pytest.raises(TimeoutError, match="something else"):
        await slack.wait_for(lambda s: s.workspace.find(s.channel, Ts("1.0")), timeout_s=0.05)

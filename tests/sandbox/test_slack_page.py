"""The page in a real browser: a person reads the channel, presses buttons, and sees what comes of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from tests.sandbox.slack import APPROVER, OUTSIDER, Click, Outcome, SlackServer

CHROMIUM = Path("/usr/bin/chromium")
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]

WAIT_S = 30
expect.set_options(timeout=WAIT_S * 1000)

HOSTILE = '<img src=x onerror="window.pwned=1"> </p><script>window.pwned=1</script> `<b>` *</b>*'


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def card(title: str, *, buttons: bool = True) -> list[dict[str, Any]]:
    confirm = {
        "title": plain("Repair ncn-w001?"),
        "text": {"type": "mrkdwn", "text": "The bot *restarts* containerd."},
        "confirm": plain("Approve"),
        "deny": plain("Cancel"),
    }
    approve = {"type": "button", "action_id": "approve", "style": "primary", "value": "7|a1", "confirm": confirm}
    deny = {"type": "button", "action_id": "deny", "style": "danger", "value": "7|a1", "text": plain("Deny")}
    answer = {"type": "actions", "block_id": "answer", "elements": [approve | {"text": plain("Approve")}, deny]}
    return [{"type": "header", "text": plain(title)}, *([answer] if buttons else [])]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=OFFLINE)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, slack: SlackServer) -> AsyncIterator[Page]:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(slack.page_url)
    yield page
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def client(slack: SlackServer) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)


def last_click(slack: SlackServer) -> Click | None:
    return next((c for c in reversed(slack.clicks) if c.outcome is not Outcome.PENDING), None)


async def test_a_person_approves_and_sees_the_card_change(
    slack: SlackServer, page: Page, client: AsyncWebClient
) -> None:
    async def on_request(socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        ts, name = request.payload["container"]["message_ts"], request.payload["user"]["username"]
        blocks = card(f"Repairing, approved by {name}", buttons=False)
        await client.chat_update(channel=slack.channel, ts=ts, text="repairing", blocks=blocks)

    socket = SocketModeClient(slack.app_token, web_client=client)
    socket.socket_mode_request_listeners.append(on_request)
    await socket.connect()
    try:
        await expect(page.locator("#presence")).to_have_text("connected")
        await client.chat_postMessage(channel=slack.channel, text="card", blocks=card("ncn-w001 needs a repair"))

        await page.get_by_role("button", name="Approve", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("The bot restarts containerd.")
        await dialog.get_by_role("button", name="Approve").click()

        await expect(page.locator("article h3")).to_have_text("Repairing, approved by mira")
        await expect(page.locator("article .button")).to_have_count(0)
    finally:
        await socket.close()
    (click,) = slack.clicks
    assert (click.user, click.action_id, click.value) == (APPROVER.id, "approve", "7|a1")
    assert click.outcome is Outcome.ACKNOWLEDGED


async def test_to_cancel_the_dialog_sends_nothing(slack: SlackServer, page: Page, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=slack.channel, text="card", blocks=card("ncn-w001"))

    await page.get_by_role("button", name="Approve", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert slack.clicks == []


async def test_a_click_that_got_lost_is_marked(slack: SlackServer, page: Page, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=slack.channel, text="card", blocks=card("ncn-w001"))

    await page.get_by_role("button", name="Deny").click()

    await expect(page.get_by_role("img", name="This app did not answer in time")).to_be_visible()
    click = await slack.wait_for(last_click, timeout_s=WAIT_S)
    assert click.outcome is Outcome.UNDELIVERED


async def test_one_looks_and_clicks_as_whoever_is_chosen(
    slack: SlackServer, page: Page, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel=slack.channel, text="card", blocks=card("ncn-w001"))
    await client.chat_postEphemeral(channel=slack.channel, user=OUTSIDER.id, text="You are no approver")
    private = page.get_by_text("You are no approver")
    await expect(page.locator("article")).to_have_count(1)

    await page.get_by_role("button", name="Theo Marchetti").click()
    await expect(private).to_be_visible()
    await page.get_by_role("button", name="Deny").click()
    click = await slack.wait_for(last_click, timeout_s=WAIT_S)
    await page.get_by_role("button", name="Dismiss message").click()

    await expect(private).to_be_hidden()
    assert click.user == OUTSIDER.id
    assert slack.ephemerals(OUTSIDER) == []


async def test_a_thread_opens_beside_and_grows_live(
    slack: SlackServer, page: Page, client: AsyncWebClient
) -> None:
    parent = await client.chat_postMessage(channel=slack.channel, text="card")
    await client.chat_postMessage(channel=slack.channel, text="cordoned", thread_ts=parent["ts"])

    await page.get_by_role("button", name="1 reply").click()
    thread = page.locator("#thread")
    await expect(thread).to_contain_text("cordoned")
    await client.chat_postMessage(channel=slack.channel, text="restarted", thread_ts=parent["ts"])
    await expect(thread).to_contain_text("restarted")
    await thread.get_by_placeholder("Reply").fill("thank you")
    await thread.get_by_placeholder("Reply").press("Enter")

    await expect(thread).to_contain_text("thank you")
    replies = slack.messages(thread_ts=parent["ts"])
    assert [m.text for m in replies] == ["cordoned", "restarted", "thank you"]
    assert replies[-1].user == APPROVER.id


async def test_hostile_text_stays_text_everywhere(slack: SlackServer, page: Page, client: AsyncWebClient) -> None:
    blocks = card(HOSTILE)
    approve = blocks[1]["elements"][0]
    approve["text"] = plain(HOSTILE[:75])
    approve["confirm"] |= {"title": plain(HOSTILE), "text": {"type": "mrkdwn", "text": HOSTILE}}
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}},
        {"type": "markdown", "text": f"# {HOSTILE}\n- {HOSTILE}\n```\n{HOSTILE}\n```"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"```{HOSTILE}```"}]},
    ]
    await client.chat_postMessage(channel=slack.channel, text=HOSTILE, blocks=blocks)
    await page.locator("[data-action=approve]").click()
    await expect(page.get_by_role("dialog")).to_be_visible()

    assert await page.evaluate("window.pwned") is None
    assert await page.locator("main script, main img, dialog img").count() == 0


async def test_a_form_from_another_site_cannot_press_a_button(
    slack: SlackServer, page: Page, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel=slack.channel, text="card", blocks=card("ncn-w001"))
    form = {"user": APPROVER.id, "ts": posted["ts"], "block_id": "answer", "action_id": "approve"}

    answer = await page.request.post(slack.page_url + "page/click", form=form)

    assert (answer.status, slack.clicks) == (415, [])

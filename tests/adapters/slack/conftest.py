"""The adapter against the stand-in, with the real slack_sdk between them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from bot.core.settings import Slack
from tests.sandbox.slack import APPROVER, FORMER, GUEST, SECOND_APPROVER, STRANGER, SlackServer
from tests.sandbox.slack.limits import UNLIMITED
from tests.sandbox.slack.people import TEAM_ID

MakeCards = Callable[..., SlackCards]


def settings(slack: SlackServer, **changes: object) -> Slack:
    approvers = tuple(str(p.id) for p in (APPROVER, SECOND_APPROVER, GUEST, STRANGER, FORMER))
    values = {"channel": slack.channel, "team": TEAM_ID, "approvers": approvers, "edit_interval_s": 0.02}
    return Slack.model_validate(values | changes)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(limits=UNLIMITED) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(slack: SlackServer, session: aiohttp.ClientSession) -> SlackApi:
    return SlackApi(slack.bot_token, slack.base_url, session)


@pytest.fixture
async def make_cards(slack: SlackServer, api: SlackApi) -> AsyncIterator[MakeCards]:
    """Cards whose sender runs, as many as a test wants: each is the bot after one more start."""
    running: list[asyncio.Task[None]] = []

    def make(through: SlackApi = api, **changes: object) -> SlackCards:
        cards = SlackCards(through, settings(slack, **changes), post_interval_s=0.01)
        running.append(asyncio.create_task(cards.run()))
        return cards

    yield make
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def cards(make_cards: MakeCards) -> SlackCards:
    return make_cards()


@pytest.fixture
def warnings() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the program says from warnings on; tests/conftest.py keeps the rest silent."""
    silent = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with capture_logs() as logs:
        yield logs
    structlog.configure(wrapper_class=silent)

"""The app manifest that admins install gives the bot what it needs, and no more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.slack.api import SlackApi
from bot.adapters.slack.cards import SlackCards
from tests.adapters.slack.incidents import asked, planned
from tests.sandbox.slack import APPROVER, SlackServer

MANIFEST = Path(__file__).parents[3] / "deploy" / "slack-app-manifest.yaml"


@pytest.fixture
def manifest() -> dict[str, Any]:
    return yaml.safe_load(MANIFEST.read_text())


async def test_every_call_of_the_bot_is_within_the_manifests_scopes(
    manifest: dict[str, Any], slack: SlackServer, api: SlackApi, cards: SlackCards
) -> None:
    slack.bot_scopes.clear()
    slack.bot_scopes.update(manifest["oauth_config"]["scopes"]["bot"])
    ref = await cards.deliver(planned())
    assert ref is not None
    await cards.deliver(asked(card=ref))
    await cards.flush()
    await api.thread_keys(ref, "abcdefgh")
    await api.user(APPROVER.id)
    await api.whisper(slack.channel, APPROVER.id, "only you see this")
    await api.team()
    assert [] == [call for call in slack.web_api.calls if call.error]


def test_clicks_come_by_socket_mode(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"]
    assert {"is_enabled": True} == settings["interactivity"]

"""`imsbot run`: the service itself."""

import asyncio
import os
from pathlib import Path

from bot.adapters.telemetry import configure_logs
from bot.app.service import serve
from bot.config import load_settings, slack_tokens


def run_service(config: Path) -> None:
    settings = load_settings(config)
    tokens = slack_tokens(settings, os.environ) if settings.slack.enabled else None
    configure_logs()
    asyncio.run(serve(settings, tokens))

"""`imsbot run`: the service itself."""

import asyncio
import os

from bot.adapters.telemetry import configure_logs
from bot.cli.options import DEFAULT_CONFIG, ConfigOption
from bot.config import load_settings, slack_tokens


def run_command(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Watch the cluster, ask people, repair nodes. Ends on SIGTERM or SIGINT without starting a new command."""
    from bot.app.service import serve  # the parts cost a second to import; `--help` should not wait for them

    settings = load_settings(config)
    tokens = slack_tokens(settings, os.environ) if settings.slack.enabled else None
    configure_logs()
    asyncio.run(serve(settings, tokens))

"""`imsbot check`: configuration and rules first, then one line for each thing that must be reachable.

Nothing that cannot be reached keeps the rest from being looked at: a person sees at once all that is left to do.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import typer
from rich.console import Console
from rich.text import Text

from bot.adapters.ims.records import open_records
from bot.adapters.rules_files import load_rules
from bot.adapters.slack.api import SlackApi
from bot.adapters.ssh.trust import read_files
from bot.cli.check_cluster import check_cluster
from bot.cli.checked import Checked, Verdict, failed, files_of, well
from bot.cli.options import Output
from bot.cli.printing import print_json
from bot.cli.readable import unreadable_for_the_service
from bot.config import load_keys, slack_tokens, unusable_files
from bot.core.errors import BotError
from bot.core.settings import Ims, Settings, Slack, Ssh

MIRROR_TIMEOUT_S = 15.0

_STYLES = {Verdict.OK: "green", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "yellow"}


def check_all(config: Path, output: Output) -> None:
    """Exit code 1 when a line is not ok. Raises InputError for a configuration or rules that cannot be used."""
    settings = load_keys(config)
    console = None if output is Output.JSON else Console(highlight=False, soft_wrap=True)
    results = asyncio.run(_collect(settings, console))
    if output is Output.JSON:
        print_json(results)
    if any(result.verdict is not Verdict.OK for result in results):
        raise typer.Exit(1)


async def _collect(settings: Settings, console: Console | None) -> list[Checked]:
    results = []
    async for result in _checks(settings):
        results.append(result)
        if console is not None:
            mark = Text(f"{result.verdict:4}", _STYLES[result.verdict])
            found = result.found, "dim" if result.verdict is Verdict.OK else ""
            console.print(Text.assemble(mark, f"  {result.what}: ", found))
    return results


async def _checks(settings: Settings) -> AsyncIterator[Checked]:
    unusable = unusable_files(settings)
    yield well("configuration", f"every key is understood; mode: {settings.mode}")
    if unreadable := unreadable_for_the_service(settings):
        yield failed("the service's files", "; ".join(unreadable))
    rules = load_rules(settings.rules_dir)
    yield well("rules", f"{len(rules.rules)} families, their examples and near misses agree")
    ssh = _check_ssh(settings.ssh, unusable)
    yield ssh
    async for result in check_cluster(settings, rules, ssh):
        yield result
    yield await _check_slack(settings, unusable)
    if settings.ims is not None:
        yield await _check_ims(settings.ims, unusable)
    if settings.kata.archive is not None:
        yield await _check_mirror(settings.kata.archive.url)
    else:
        yield well("archive", "not set; missing files are diagnosed only")


def _check_ssh(settings: Ssh, unusable: Mapping[str, str]) -> Checked:
    try:
        key, _ = read_files(settings)
    except BotError as error:
        return failed("SSH", files_of("ssh", unusable) or error)
    if problems := files_of("ssh", unusable):
        return failed("SSH", problems)
    return well("SSH", f"key {key.get_fingerprint()}; the file of pinned host keys can be read")


async def _check_slack(settings: Settings, unusable: Mapping[str, str]) -> Checked:
    if not settings.slack.enabled:
        return well("Slack", "switched off; answers come by `imsbot approve` only")
    if problems := files_of("slack", unusable):
        return failed("Slack", problems)
    try:
        tokens = slack_tokens(settings, os.environ)
        return await _ask_slack(settings.slack, tokens.bot.get_secret_value())
    except BotError as error:
        return failed("Slack", error)


async def _ask_slack(settings: Slack, token: str) -> Checked:
    async with aiohttp.ClientSession() as session:
        api = SlackApi(token, settings.api_url, session)
        team = await api.team()
        refused = []
        for user in settings.approvers:
            if objection := (await api.user(user)).objection:
                refused.append(f"{user} is {objection}")
    if team != settings.team:
        return failed("Slack", f"the token belongs to workspace {team}, slack.team is {settings.team}")
    if not settings.approvers:
        return failed("Slack", "slack.approvers is empty, so nobody can approve")
    if refused:
        return failed("Slack", f"approvers that will be refused: {', '.join(refused)}")
    return well("Slack", f"workspace {team}, {len(settings.approvers)} approvers")


async def _check_ims(settings: Ims, unusable: Mapping[str, str]) -> Checked:
    if problems := files_of("ims", unusable):
        return failed("IMS", problems)
    try:
        async with open_records(settings) as records:
            assert records is not None
            return well("IMS", await records.check())
    except BotError as error:
        return failed("IMS", error)


async def _check_mirror(url: str) -> Checked:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=MIRROR_TIMEOUT_S)) as session,
            session.head(url, allow_redirects=True) as response,
        ):
            length = response.headers.get("Content-Length", "of unknown size")
            found = f"{url}: HTTP {response.status}, {length} bytes (seen from here, not from the nodes)"
            return well("archive", found) if response.status == 200 else failed("archive", found)
    except (aiohttp.ClientError, TimeoutError) as error:
        return failed("archive", f"{url}: {error or type(error).__name__}")

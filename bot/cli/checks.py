"""`imsbot check`: configuration and rules first, then one line for each thing that must be reachable."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from bot.cli.options import Output
from bot.cli.printing import print_json
from bot.cli.readable import unreadable_for_the_service
from bot.config import SlackTokens, load_settings, slack_tokens
from bot.core.errors import BotError
from bot.core.mode import has
from bot.core.model import NodeRef
from bot.core.objects import Node
from bot.core.pause import reason_in
from bot.core.settings import Ims, Settings

if TYPE_CHECKING:
    from bot.app.reach import Reach

MIRROR_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of the result."""

    what: str
    ok: bool
    found: str


def check_all(config: Path, output: Output) -> None:
    """Exit code 1 when something cannot be reached. Raises InputError for an unusable configuration."""
    settings = load_settings(config)
    tokens = slack_tokens(settings, os.environ) if settings.slack.enabled else None
    console = None if output is Output.JSON else Console(highlight=False, soft_wrap=True)
    results = asyncio.run(_collect(settings, tokens, console))
    if output is Output.JSON:
        print_json(results)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


async def _collect(settings: Settings, tokens: SlackTokens | None, console: Console | None) -> list[Checked]:
    results = []
    async for result in _checks(settings, tokens):
        results.append(result)
        if console is not None:
            mark = Text("ok  ", "green") if result.ok else Text("FAIL", "bold red")
            console.print(Text.assemble(mark, f"  {result.what}: ", (result.found, "dim" if result.ok else "")))
    return results


async def _checks(settings: Settings, tokens: SlackTokens | None) -> AsyncIterator[Checked]:
    from bot.app.reach import reach  # the parts cost a second to import; `--help` should not wait for them

    yield Checked("configuration", True, f"every key is understood; mode: {settings.mode}")
    if unreadable := unreadable_for_the_service(settings):
        yield Checked("the service's files", False, "; ".join(unreadable))
    async with reach(settings) as r:
        yield Checked("rules", True, f"{len(r.rules.rules)} families, their examples and near misses agree")
        workers: list[Node] = []
        try:
            version = await r.api.server_version()
            workers = await r.workers()
            yield Checked("Kubernetes API", True, f"{version}, {len(workers)} workers that may be touched")
            for result in check_pools(settings, [node.metadata.name for node in workers]):
                yield result
        except BotError as error:
            yield Checked("Kubernetes API", False, str(error))
        for namespace in settings.kubernetes.ims_namespaces:
            yield await _check_jobs(r, namespace)
        if r.settings.pause.configmap is not None:
            yield await _check_pause(r, r.settings.pause.configmap)
        for result in await asyncio.gather(*(_check_node(r, node) for node in workers)):
            yield result
    yield await _check_slack(settings, tokens)
    if settings.ims is not None:
        yield await _check_ims(settings.ims)
    if settings.kata.archive is not None:
        yield await _check_mirror(settings.kata.archive.url)
    else:
        yield Checked("archive", True, "not set; missing files are diagnosed only")


def check_pools(settings: Settings, workers: list[str]) -> list[Checked]:
    """A pool without a node holds nothing back, which is seldom what its author meant."""
    results = []
    for name, pool in settings.pools.items():
        nodes = [node for node in workers if has(pool, node)]
        found = ", ".join(nodes) or f"no worker fits its patterns: {', '.join(pool.nodes)}"
        results.append(Checked(f"pool {name}", bool(nodes), found))
    return results


async def _check_jobs(r: "Reach", namespace: str) -> Checked:
    """What the watch lists there; a Role may be missing in one namespace alone."""
    from bot.adapters.kube.resources import EVENTS, JOBS, PODS

    try:
        for pages in (r.api.pages(PODS, namespace), r.api.pages(JOBS, namespace), r.api.pages(EVENTS, namespace)):
            async for _ in pages:
                break
    except BotError as error:
        return Checked(f"namespace {namespace}", False, str(error))
    return Checked(f"namespace {namespace}", True, "pods, jobs and events can be listed")


async def _check_pause(r: "Reach", configmap: str) -> Checked:
    """A key that cannot be read stops every repair."""
    from bot.adapters.kube.pause_key import ConfigMapKey
    from bot.adapters.kube.resources import CONFIG_MAPS

    namespace = r.settings.kubernetes.lease_namespace
    key = ConfigMapKey(r.api, namespace, configmap)
    try:
        if await r.api.find(CONFIG_MAPS, configmap, namespace) is None:
            create = f"kubectl -n {namespace} create configmap {configmap}"
            return Checked(
                "pause key", False, f"no ConfigMap {configmap}: the brake by kubectl is missing; `{create}`"
            )
        reason = reason_in(await key.read())
    except BotError as error:
        return Checked("pause key", False, str(error))
    return Checked("pause key", True, "not paused" if reason is None else f"paused by {key.name}: {reason}")


async def _check_node(r: "Reach", node: Node) -> Checked:
    name = node.metadata.name
    try:
        facts = await r.looker.node_facts(NodeRef(name, node.metadata.uid))
    except BotError as error:
        return Checked(f"node {name}", False, str(error))
    kata = facts.kata_tree.version or "none"
    containerd = ".".join(map(str, facts.unit.version or ())) or "of unknown version"
    return Checked(f"node {name}", True, f"facts readable over SSH, containerd {containerd}, Kata {kata}")


async def _check_slack(settings: Settings, tokens: SlackTokens | None) -> Checked:
    if tokens is None:
        return Checked("Slack", True, "switched off; answers come by `imsbot approve` only")
    import aiohttp  # half a second of import that no other command needs

    from bot.adapters.slack.api import SlackApi

    async with aiohttp.ClientSession() as session:
        api = SlackApi(tokens.bot.get_secret_value(), settings.slack.api_url, session)
        try:
            team = await api.team()
            refused = []
            for user in settings.slack.approvers:
                if objection := (await api.user(user)).objection:
                    refused.append(f"{user} is {objection}")
        except BotError as error:
            return Checked("Slack", False, str(error))
    if team != settings.slack.team:
        return Checked(
            "Slack", False, f"the token belongs to workspace {team}, slack.team is {settings.slack.team}"
        )
    if not settings.slack.approvers:
        return Checked("Slack", False, "slack.approvers is empty, so nobody can approve")
    if refused:
        return Checked("Slack", False, f"approvers that will be refused: {', '.join(refused)}")
    return Checked("Slack", True, f"workspace {team}, {len(settings.slack.approvers)} approvers")


async def _check_ims(settings: Ims) -> Checked:
    from bot.adapters.ims.records import open_records

    try:
        async with open_records(settings) as records:
            assert records is not None
            return Checked("IMS", True, await records.check())
    except BotError as error:
        return Checked("IMS", False, str(error))


async def _check_mirror(url: str) -> Checked:
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=MIRROR_TIMEOUT_S)) as session,
            session.head(url, allow_redirects=True) as response,
        ):
            length = response.headers.get("Content-Length", "of unknown size")
            found = f"{url}: HTTP {response.status}, {length} bytes (seen from here, not from the nodes)"
            return Checked("archive", response.status == 200, found)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Checked("archive", False, f"{url}: {error or type(error).__name__}")

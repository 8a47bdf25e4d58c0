"""What `imsbot check` asks of the Kubernetes API, and of the workers that only it names.

Without the API nothing here can be known, and each line says so: unknown is neither well nor absent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from bot.adapters.kube.connect import connect
from bot.adapters.kube.pause_key import ConfigMapKey
from bot.adapters.kube.resources import CONFIG_MAPS, EVENTS, JOBS, PODS
from bot.adapters.kube.rights import Rights, ask_rights, needs
from bot.app.reach import Reach, build_reach
from bot.cli.checked import Checked, Verdict, failed, not_looked_at, well
from bot.core.errors import BotError, ForbiddenError, InputError
from bot.core.mode import has
from bot.core.model import NodeRef
from bot.core.objects import Node
from bot.core.pause import reason_in
from bot.core.rules import RuleSet
from bot.core.settings import Kubernetes, Settings

API = "Kubernetes API"
NODES = "nodes"


async def check_cluster(settings: Settings, rules: RuleSet, ssh: Checked) -> AsyncIterator[Checked]:
    """`ssh` is the line about its files, without which no worker can be looked at."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(connect(settings.kubernetes))
            r = build_reach(settings, rules, connection)
            version = await r.api.server_version()
        except BotError as error:
            yield failed(API, f"{error}{_like_kubectl(settings.kubernetes, error)}")
            for what in (*_in_the_api(settings), *_of_workers(settings)):
                yield not_looked_at(what, "the Kubernetes API cannot be asked")
            return
        workers: list[Node] | None = None
        try:
            workers = await r.workers()
            yield well(API, f"{version}, {len(workers)} workers that may be touched")
        except BotError as error:
            yield failed(API, f"{version}, but {error}")
        yield check_rights(await ask_rights(r.api, needs(settings)))
        for namespace in settings.kubernetes.ims_namespaces:
            yield await _check_jobs(r, namespace)
        if settings.pause.configmap is not None:
            yield await _check_pause(r, settings.pause.configmap)
        async for result in _check_workers(r, workers, ssh):
            yield result


def _like_kubectl(kubernetes: Kubernetes, error: BotError) -> str:
    """The remedy for a kubeconfig that cannot be used; what has been reached says its own."""
    if kubernetes.kubeconfig is None or not isinstance(error, InputError):
        return ""
    context = f" --context {kubernetes.context}" if kubernetes.context is not None else ""
    return (
        f"; `kubectl --kubeconfig {kubernetes.kubeconfig}{context} get nodes` must work: "
        "deploy/README.md makes such a file, kubernetes.kubeconfig names it"
    )


def _in_the_api(settings: Settings) -> list[str]:
    namespaces = [f"namespace {namespace}" for namespace in settings.kubernetes.ims_namespaces]
    return ["rights", *namespaces, *(["pause key"] if settings.pause.configmap is not None else [])]


def _of_workers(settings: Settings) -> list[str]:
    return [*(f"pool {name}" for name in settings.pools), NODES]


def check_pools(settings: Settings, workers: list[str]) -> list[Checked]:
    """A pool without a node holds nothing back, which is seldom what its author meant."""
    results = []
    for name, pool in settings.pools.items():
        nodes = [node for node in workers if has(pool, node)]
        if nodes:
            results.append(well(f"pool {name}", ", ".join(nodes)))
        else:
            results.append(failed(f"pool {name}", f"no worker fits its patterns: {', '.join(pool.nodes)}"))
    return results


def check_rights(rights: Rights) -> Checked:
    """A missing verb would show in the middle of a repair."""
    needed = len(rights.allowed) + len(rights.missing) + len(rights.unknown)
    found = []
    if rights.missing:
        found.append(
            f"may not {'; '.join(map(str, rights.missing))}. `kubectl apply -f deploy/rbac.yaml` gives the Roles; "
            "the file says which are repeated for namespaces and DaemonSets that are not in it"
        )
    if rights.unknown:
        calls, error = "; ".join(str(call) for call, _ in rights.unknown), rights.unknown[0][1]
        usual = "; usually ClusterRole system:basic-user lets every account ask"
        found.append(
            f"not known whether it may {calls}: {error}{usual if isinstance(error, ForbiddenError) else ''}"
        )
    if not found:
        return well("rights", f"may do all {needed} things that the bot does")
    return Checked("rights", Verdict.FAIL if rights.missing else Verdict.UNKNOWN, ". ".join(found))


async def _check_jobs(r: Reach, namespace: str) -> Checked:
    """What the watch lists there; a Role may be missing in one namespace alone."""
    try:
        for pages in (r.api.pages(PODS, namespace), r.api.pages(JOBS, namespace), r.api.pages(EVENTS, namespace)):
            async for _ in pages:
                break
    except BotError as error:
        return failed(f"namespace {namespace}", error)
    return well(f"namespace {namespace}", "pods, jobs and events can be listed")


async def _check_pause(r: Reach, configmap: str) -> Checked:
    """A key that cannot be read stops every repair."""
    namespace = r.settings.kubernetes.lease_namespace
    key = ConfigMapKey(r.api, namespace, configmap)
    try:
        if await r.api.find(CONFIG_MAPS, configmap, namespace) is None:
            create = f"kubectl -n {namespace} create configmap {configmap}"
            return failed("pause key", f"no ConfigMap {configmap}: the brake by kubectl is missing; `{create}`")
        reason = reason_in(await key.read())
    except BotError as error:
        return failed("pause key", error)
    return well("pause key", "not paused" if reason is None else f"paused by {key.name}: {reason}")


async def _check_workers(r: Reach, workers: list[Node] | None, ssh: Checked) -> AsyncIterator[Checked]:
    if workers is None:
        for what in _of_workers(r.settings):
            yield not_looked_at(what, "the workers cannot be listed")
        return
    for result in check_pools(r.settings, [node.metadata.name for node in workers]):
        yield result
    if ssh.verdict is not Verdict.OK:
        yield not_looked_at(NODES, "the SSH key or the pinned host keys cannot be used")
        return
    for result in await asyncio.gather(*(_check_node(r, node) for node in workers)):
        yield result


async def _check_node(r: Reach, node: Node) -> Checked:
    name = node.metadata.name
    try:
        facts = await r.looker.node_facts(NodeRef(name, node.metadata.uid))
    except BotError as error:
        return failed(f"node {name}", error)
    kata = facts.kata_tree.version or "none"
    containerd = ".".join(map(str, facts.unit.version or ())) or "of unknown version"
    return well(f"node {name}", f"facts readable over SSH, containerd {containerd}, Kata {kata}")

"""Read access to the world: rules, API, SSH and the look at one target, without a journal, a watch or Slack.

Enough for `imsbot plan` and `imsbot check`, and a part of the service.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bot.adapters.clock import SystemClock
from bot.adapters.ims.records import ImsRecords, open_records
from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.cluster import KubeCluster
from bot.adapters.kube.connect import Connection, connect
from bot.adapters.kube.resources import NODES
from bot.adapters.rules_files import load_rules
from bot.adapters.ssh.nodes import SshNodes
from bot.core.errors import UnreachableError
from bot.core.model import NodeRef
from bot.core.objects import Node
from bot.core.rules import RuleSet
from bot.core.settings import Settings, Ssh
from bot.engine.look import Looker
from bot.engine.survey import Surveyor


@dataclass(frozen=True, slots=True)
class Reach:
    """The connected parts; each connects when it is first asked."""

    settings: Settings
    rules: RuleSet
    api: ApiClient
    cluster: KubeCluster
    records: ImsRecords | None
    nodes: SshNodes
    looker: Looker
    surveyor: Surveyor
    clock: SystemClock

    async def workers(self) -> list[Node]:
        """Every Node that `nodes.name_pattern` allows, read live."""
        allowed = re.compile(self.settings.nodes.name_pattern)
        return [node for node in await self.api.list_all(NODES) if allowed.search(node.metadata.name)]

    async def find_worker(self, name: str) -> Node | None:
        return next((node for node in await self.workers() if node.metadata.name == name), None)


@asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[Reach]:
    """Raises InputError for rules, kubeconfig or certificates that cannot be used; connects to nothing yet."""
    rules = load_rules(settings.rules_dir)
    async with connect(settings.kubernetes) as connection, open_records(settings.ims) as records:
        yield build_reach(settings, rules, connection, records)


def build_reach(
    settings: Settings, rules: RuleSet, connection: Connection, records: ImsRecords | None = None
) -> Reach:
    """For `imsbot check`, which goes on where one of these is missing."""
    clock = SystemClock()
    api = ApiClient(connection, timeout_s=settings.kubernetes.request_timeout_s)
    cluster = KubeCluster(api, settings.nodes.name_pattern)
    address = partial(_internal_ip, api)
    nodes = SshNodes(settings.ssh, address)
    sweeping = SshNodes(_for_sweeps(settings), address, failures=nodes.failures)
    looks = partial(Looker, settings=settings, rules=rules, cluster=cluster, clock=clock)
    surveyor = Surveyor(settings, cluster, looks(nodes=sweeping), clock)
    return Reach(settings, rules, api, cluster, records, nodes, looks(nodes=nodes), surveyor, clock)


def _for_sweeps(settings: Settings) -> Ssh:
    """A sweep has places for connections of its own: dead nodes must not keep a repair from connecting."""
    return settings.ssh.model_copy(update={"max_connects": 2 * settings.sweep.nodes_at_once})


async def _internal_ip(api: ApiClient, ref: NodeRef) -> str:
    """Where a node listens. Raises UnreachableError when its object names no address or is another node's."""
    node = await api.get(NODES, ref.name)
    if node.metadata.uid != ref.uid or node.internal_ip is None:
        raise UnreachableError(f"the Node {ref.name} names no InternalIP, or is another one now")
    return node.internal_ip

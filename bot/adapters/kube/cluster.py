"""The engine's `Cluster` port: live reads and changes, over one `ApiClient`."""

import re

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.read import Reader
from bot.adapters.kube.write import apply_change
from bot.core.action import ClusterChange, Outcome
from bot.core.facts.cluster import ClusterFacts, Reads


class KubeCluster:
    """`worker_names` is `settings.nodes.name_pattern`."""

    def __init__(self, api: ApiClient, worker_names: str) -> None:
        self._api = api
        self._reader = Reader(api, re.compile(worker_names))

    async def facts(self, reads: Reads) -> ClusterFacts:
        """Raises BotError when a single read fails."""
        return await self._reader.facts(reads)

    async def apply(self, change: ClusterChange, *, dry_run: bool = False) -> Outcome:
        """Never raises for what the server says: that is the outcome's text."""
        return await apply_change(self._api, change, dry_run=dry_run)

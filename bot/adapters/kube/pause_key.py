"""The engine's `PauseKey`: one key of one ConfigMap, read by name.

    kubectl patch configmap imsbot -n ims-remediation-bot --type merge -p '{"data": {"pause": "why"}}'
    kubectl patch configmap imsbot -n ims-remediation-bot --type merge -p '{"data": {"pause": null}}'

A plain get and no watch: it is asked before every command, so an answer must be of this moment, and a Role can
allow it for this one name (`resourceNames`). A ConfigMap that the server does not know pauses nobody; every other
error is one, because unknown is not absent.
"""

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.resources import CONFIG_MAPS
from bot.core.pause import KEY


class ConfigMapKey:
    def __init__(self, api: ApiClient, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._configmap = name

    @property
    def name(self) -> str:
        return f"{self._namespace}/{self._configmap}"

    async def read(self) -> str | None:
        """Raises BotError for everything but an answer."""
        found = await self._api.find(CONFIG_MAPS, self._configmap, self._namespace)
        return None if found is None else (found.data or {}).get(KEY)

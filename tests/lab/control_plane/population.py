"""What every cluster of the lab holds from the beginning: IMS's namespace, and the bot's identity and rights.

The bot's part is `deploy/rbac.yaml` itself, so that the lab proves the file that a site applies; the namespaces
that it takes for granted on a CSM system (`services`) are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml

from bot.adapters.kube.resources import NAMESPACES, Resource
from bot.adapters.kube.status import AlreadyExistsError
from tests.lab.admin import Admin, administrator, until
from tests.lab.control_plane.plane import ControlPlane
from tests.lab.kata.jobs import SERVICE_ACCOUNT
from tests.sandbox.controllers import IMS_NAMESPACE
from tests.sandbox.whole.access import LEASE_NAMESPACE, RBAC

BOT: Final = "imsbot"
_TOKEN_S: Final = 24 * 3600
_SETTLED_S: Final = 30
_RBAC_ROOT: Final = "/apis/rbac.authorization.k8s.io/v1"


class _Any(msgspec.Struct, frozen=True):
    """The administrator decodes nothing."""


_KINDS: Final[Mapping[str, Resource[Any]]] = {
    "Namespace": NAMESPACES,
    "ServiceAccount": Resource(_Any, "/api/v1", "serviceaccounts"),
    "Role": Resource(_Any, _RBAC_ROOT, "roles"),
    "RoleBinding": Resource(_Any, _RBAC_ROOT, "rolebindings"),
    "ClusterRole": Resource(_Any, _RBAC_ROOT, "clusterroles"),
    "ClusterRoleBinding": Resource(_Any, _RBAC_ROOT, "clusterrolebindings"),
}


async def populate(plane: ControlPlane) -> None:
    """What is there already stays. The bot gets a token that is good for a day."""
    async with administrator(plane.admin_kubeconfig) as admin:
        documents = list(yaml.safe_load_all(RBAC.read_text()))
        lived_in = {IMS_NAMESPACE, *(each["metadata"].get("namespace", IMS_NAMESPACE) for each in documents)}
        for document in (*map(_namespace, sorted(lived_in - {LEASE_NAMESPACE})), *documents):
            await _create(admin, document)
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SERVICE_ACCOUNT}}
        await _create(admin, {**account, "metadata": {"name": SERVICE_ACCOUNT, "namespace": IMS_NAMESPACE}})
        await until(lambda: admin.find(_KINDS["ServiceAccount"], "default", IMS_NAMESPACE), _SETTLED_S)
        plane.write_bot_kubeconfig(await _token(admin))


async def _create(admin: Admin, document: dict[str, Any]) -> None:
    resource = _KINDS[document["kind"]]
    try:
        await admin.create(resource, document, document["metadata"].get("namespace", ""))
    except AlreadyExistsError:
        return


async def _token(admin: Admin) -> str:
    """Of the bot's service account, as the API server signs it for a pod."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {},
        "spec": {"expirationSeconds": _TOKEN_S},
    }
    tokens = Resource(_Any, "/api/v1", f"serviceaccounts/{BOT}/token")
    answer = await admin.create(tokens, request, LEASE_NAMESPACE)
    return str(answer["status"]["token"])


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

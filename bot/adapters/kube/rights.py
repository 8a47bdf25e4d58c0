"""What the bot asks of the API with these settings, and whether it may: a missing verb shows before a repair.

`needs` is the one list of it in the program; `deploy/rbac.yaml` grants the same, and
`tests/adapters/kube/test_kube_rbac.py` holds both against the requests that the adapters really make.

The server is asked by SelfSubjectAccessReview. Every API server lets each account ask that of itself (its
ClusterRole `system:basic-user`, bound to `system:authenticated`), so no Role of ours names it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.resources import (
    CONFIG_MAPS,
    DAEMON_SETS,
    EVENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    RUNTIME_CLASSES,
    Call,
    Resource,
)
from bot.core.errors import BotError
from bot.core.settings import Settings

REVIEWS_AT_ONCE: Final = 8

Calls = tuple[Call[Any], ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a round of questions found of all that is needed."""

    allowed: Calls
    missing: Calls
    unknown: tuple[tuple[Call[Any], BotError], ...]
    """Not answered, and why."""


def needs(settings: Settings) -> Calls:
    """Each once. What only a repair does is needed in `mode: observe`, too: one in flight is finished even so."""
    kubernetes = settings.kubernetes
    found = [
        *_calls("get list watch patch", NODES),
        *_calls("get list watch create", RUNTIME_CLASSES),
        *_calls("list", PODS),
        *_calls("get", NAMESPACES, name="kube-system"),
        *_calls("get create patch", LEASES, kubernetes.lease_namespace),
    ]
    for namespace in kubernetes.ims_namespaces:
        found += _calls("get list watch", PODS, namespace)
        found += _calls("get list watch", JOBS, namespace)
        found += _calls("list watch", EVENTS, namespace)
    found += _calls("get create delete", PODS, settings.canary.namespace)
    found += _calls("list", EVENTS, settings.canary.namespace)
    if settings.pause.configmap is not None:
        found += _calls("get", CONFIG_MAPS, kubernetes.lease_namespace, settings.pause.configmap)
    for daemonset in settings.restart.reconnect:
        namespace, _, name = daemonset.partition("/")
        found += _calls("patch", DAEMON_SETS, namespace, name)
    return tuple(dict.fromkeys(found))


def _calls(verbs: str, resource: Resource[Any], namespace: str = "", name: str = "") -> Iterator[Call[Any]]:
    return (Call(verb, resource, namespace, name) for verb in verbs.split())


async def ask_rights(api: ApiClient, calls: Calls) -> Rights:
    """Ask for all of them, a few at once. Never raises for what the server says."""
    places = asyncio.Semaphore(REVIEWS_AT_ONCE)

    async def ask(call: Call[Any]) -> bool | BotError:
        async with places:
            try:
                return await api.may(call)
            except BotError as error:
                return error

    answers = tuple(zip(calls, await asyncio.gather(*map(ask, calls)), strict=True))
    return Rights(
        allowed=tuple(call for call, answer in answers if answer is True),
        missing=tuple(call for call, answer in answers if answer is False),
        unknown=tuple((call, answer) for call, answer in answers if isinstance(answer, BotError)),
    )

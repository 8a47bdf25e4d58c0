"""Changes through the API, each idempotent and each with an outcome that the journal can keep.

What may be changed is decided in `bot.core.node_change` and `bot.core.runtime_class`, from the object as it is
now. This module reads it, asks, sends one request with the resourceVersion that was read, and starts over when
somebody was faster.
"""

from typing import Final, assert_never

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.manifests import canary, runtime_class
from bot.adapters.kube.resources import DAEMON_SETS, NODES, PODS, RUNTIME_CLASSES
from bot.adapters.kube.status import AlreadyExistsError
from bot.core.action import (
    ClusterChange,
    CreateCanary,
    CreateRuntimeClass,
    DeleteCanary,
    Outcome,
    OutcomeKind,
    RestartDaemonSet,
    SetCordon,
    SetLabel,
)
from bot.core.errors import BotError, ConflictError, NotFoundError, TemporaryError
from bot.core.marks import INCIDENT_LABEL, RESTARTED
from bot.core.node_change import NodePatch, decide_node_change
from bot.core.objects import Node, RawObject
from bot.core.runtime_class import differences

CONFLICT_TRIES: Final = 5
"""A Node's status changes every few seconds; losing five times in a row means that somebody fights us."""


async def apply_change(api: ApiClient, change: ClusterChange, *, dry_run: bool) -> Outcome:
    """See `bot.engine.ports.Cluster.apply`. UNKNOWN also when the server could not even be asked: look again."""
    try:
        return await _until_settled(api, change, dry_run)
    except ConflictError as error:
        return Outcome(OutcomeKind.FAILED, output=f"changed by others {CONFLICT_TRIES} times in a row: {error}")
    except TemporaryError as error:
        return Outcome(OutcomeKind.UNKNOWN, output=str(error))
    except BotError as error:
        return Outcome(OutcomeKind.FAILED, output=str(error))


async def _until_settled(api: ApiClient, change: ClusterChange, dry_run: bool) -> Outcome:
    for left in reversed(range(CONFLICT_TRIES)):
        try:
            return await _once(api, change, dry_run)
        except ConflictError:
            if not left:
                raise
    raise AssertionError("the loop returns or raises")


async def _once(api: ApiClient, change: ClusterChange, dry_run: bool) -> Outcome:
    match change:
        case SetCordon() | SetLabel():
            return await _change_node(api, change, dry_run)
        case CreateRuntimeClass():
            return await _create_runtime_class(api, change, dry_run)
        case CreateCanary():
            return await _create_canary(api, change, dry_run)
        case DeleteCanary():
            return await _delete_canary(api, change, dry_run)
        case RestartDaemonSet():
            return await _restart_daemonset(api, change, dry_run)
        case _:
            assert_never(change)


async def _change_node(api: ApiClient, change: SetCordon | SetLabel, dry_run: bool) -> Outcome:
    node = await api.find(NODES, change.node)
    if node is None:
        return Outcome(OutcomeKind.REFUSED, output=f"node {change.node} does not exist any more")
    decision = decide_node_change(node, change)
    if isinstance(decision, Outcome):
        return decision
    await api.patch(NODES, change.node, _node_body(node, decision), dry_run=dry_run)
    return Outcome(OutcomeKind.OK)


def _node_body(node: Node, patch: NodePatch) -> RawObject:
    """As a JSON merge patch; uid and resourceVersion make it fail when the object is another one by then."""
    metadata: RawObject = {"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version}
    metadata["annotations"] = dict(patch.annotations)
    if patch.labels:
        metadata["labels"] = dict(patch.labels)
    body: RawObject = {"metadata": metadata}
    if patch.cordoned is not None:
        body["spec"] = {"unschedulable": True if patch.cordoned else None}
    return body


async def _create_runtime_class(api: ApiClient, change: CreateRuntimeClass, dry_run: bool) -> Outcome:
    try:
        await api.create(RUNTIME_CLASSES, runtime_class(change), dry_run=dry_run)
    except AlreadyExistsError:
        found = await api.get(RUNTIME_CLASSES, change.name)
    else:
        return Outcome(OutcomeKind.OK)
    different = differences(found, change)
    if different:
        why = f"RuntimeClass {change.name} exists and is another one: {'; '.join(different)}"
        return Outcome(OutcomeKind.REFUSED, output=why)
    return Outcome(OutcomeKind.OK, output="it exists already, with the same values")


async def _create_canary(api: ApiClient, change: CreateCanary, dry_run: bool) -> Outcome:
    try:
        await api.create(PODS, canary(change), change.namespace, dry_run=dry_run)
    except AlreadyExistsError:
        found = await api.get(PODS, change.name, change.namespace)
    else:
        return Outcome(OutcomeKind.OK)
    ours = found.metadata.label(INCIDENT_LABEL) == change.incident and found.spec.node_name == change.node
    if not ours:
        why = f"pod {change.namespace}/{change.name} exists and is not this incident's canary"
        return Outcome(OutcomeKind.REFUSED, output=why)
    if found.metadata.deletion_timestamp is not None:
        return Outcome(OutcomeKind.UNKNOWN, output=f"the earlier canary {change.name} is still being deleted")
    return Outcome(OutcomeKind.OK, output="it exists already")


async def _delete_canary(api: ApiClient, change: DeleteCanary, dry_run: bool) -> Outcome:
    found = await api.find(PODS, change.name, change.namespace)
    if found is None:
        return Outcome(OutcomeKind.OK, output="gone already")
    if found.metadata.label(INCIDENT_LABEL) is None:
        why = f"pod {change.namespace}/{change.name} was not made by this bot; it is left alone"
        return Outcome(OutcomeKind.REFUSED, output=why)
    try:
        await api.delete(PODS, change.name, change.namespace, uid=found.metadata.uid, dry_run=dry_run)
    except NotFoundError:
        return Outcome(OutcomeKind.OK, output="gone already")
    return Outcome(OutcomeKind.OK)


async def _restart_daemonset(api: ApiClient, change: RestartDaemonSet, dry_run: bool) -> Outcome:
    """Nothing is read first: the patch touches one annotation that is ours, whatever the rest is like by then."""
    body: RawObject = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: change.occasion}}}}}
    await api.patch(DAEMON_SETS, change.name, body, change.namespace, dry_run=dry_run)
    return Outcome(OutcomeKind.OK)

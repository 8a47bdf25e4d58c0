"""Reads the live objects that a join needs, once, from the API server: `imsbot explain --cluster`."""

import os
from collections.abc import Mapping
from pathlib import Path

from bot.core.moments import EPOCH, newest
from bot.core.objects import Job, Node, Pod, RuntimeClass, Watched
from bot.core.replay import Snapshot
from bot.core.settings import Kubernetes
from bot.core.world import Objects


def usual_kubernetes(environ: Mapping[str, str]) -> Kubernetes:
    """Where `kubectl` would go, else the pod's own identity: for a command that needs no configuration file."""
    named = environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    home = Path(environ.get("HOME", "/")) / ".kube" / "config"
    path = Path(named) if named else home
    return Kubernetes(kubeconfig=path) if named or path.is_file() else Kubernetes()


async def read_live(kubernetes: Kubernetes) -> Snapshot:
    """What the bot watches, with the rights that it has: Pods and Jobs of IMS, all Nodes and RuntimeClasses.

    Raises what `bot.adapters.kube` raises.
    """
    # these cost half a second to import, which an `explain` of files should not wait for
    from bot.adapters.kube.client import ApiClient
    from bot.adapters.kube.connect import connect
    from bot.adapters.kube.resources import JOBS, NODES, PODS, RUNTIME_CLASSES

    async with connect(kubernetes) as connection:
        api = ApiClient(connection, timeout_s=kubernetes.request_timeout_s)
        found: list[Watched] = [*await api.list_all(NODES), *await api.list_all(RUNTIME_CLASSES)]
        for namespace in kubernetes.ims_namespaces:
            found += [*await api.list_all(PODS, namespace), *await api.list_all(JOBS, namespace)]
    objects = Objects()
    objects.mark_listed((Pod, Job, Node, RuntimeClass))
    for thing in found:
        objects.put(thing)
    return Snapshot(objects, max(map(newest, found), default=EPOCH))

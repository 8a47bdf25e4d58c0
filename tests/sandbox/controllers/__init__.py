"""The rest of a simulated cluster: job controller, scheduler, node lifecycle and kubelets, as asyncio tasks.

They act on the stand-in API through its registry and obey its rules. Texts, shapes and sequences are those
that a 1.36 cluster sent (`recordings`); a test compares them. What happens *on* a node is not decided here
but by its `NodeRuntime`.

Reading order: `cluster`, `kubelet`, `pod_worker`, `pod_status`, `jobs`, `scheduler`, `placement`, `events`;
`objects` and `node_objects` build jobs and nodes, `behaviour` says what a pod's containers do.
"""

from __future__ import annotations

from .behaviour import EXIT_CODE, EXIT_REASON, RUN_SECONDS, UNPULLABLE_TAG
from .cluster import Cluster
from .events import EventRecorder
from .node_objects import KATA_LABEL, as_ready, kata_runtimeclass, master_node, worker_node
from .objects import (
    IMS_NAMESPACE,
    failing_ims_job,
    ims_job,
    install_ims,
    killed_ims_job,
    other_job,
    oversized_ims_job,
    sonar_jobs_watcher,
    unpullable_ims_job,
)
from .pod_worker import Timing
from .runtime import NodeRuntime, SandboxFailed, SandboxStarted

__all__ = [
    "Cluster",
    "Timing",
    "NodeRuntime",
    "SandboxFailed",
    "SandboxStarted",
    "EventRecorder",
    "IMS_NAMESPACE",
    "KATA_LABEL",
    "as_ready",
    "failing_ims_job",
    "ims_job",
    "install_ims",
    "kata_runtimeclass",
    "killed_ims_job",
    "master_node",
    "other_job",
    "oversized_ims_job",
    "sonar_jobs_watcher",
    "unpullable_ims_job",
    "worker_node",
    "EXIT_CODE",
    "EXIT_REASON",
    "RUN_SECONDS",
    "UNPULLABLE_TAG",
]

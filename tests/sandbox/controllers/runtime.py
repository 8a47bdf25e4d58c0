"""What the simulated kubelet asks of a simulated node: the border between this package and `tests/sandbox/nodes`.

The node decides from its real files and from what its containerd read at its last start; the kubelet only
turns the answer into events and statuses. So a repair that is not real heals nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..api import KubeObject


@dataclass(frozen=True, slots=True)
class SandboxStarted:
    """The pod's sandbox runs. `kernel_release` is what `uname -r` says inside: the guest's under Kata."""

    kernel_release: str


@dataclass(frozen=True, slots=True)
class SandboxFailed:
    """It does not. `message` is the whole error as the kubelet got it over CRI, for example
    `rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata-qemu" is configured`.
    """

    message: str


class NodeRuntime(Protocol):
    """The container runtime of one node, as its kubelet sees it. None of these may raise."""

    async def run_pod_sandbox(
        self, runtime_handler: str | None, annotations: Mapping[str, str], pod: KubeObject
    ) -> SandboxStarted | SandboxFailed:
        """Start the sandbox of `pod` (RunPodSandbox). `runtime_handler` None is the default, runc."""
        ...

    async def stop_pod_sandbox(self, pod_uid: str) -> None:
        """The pod is over: its sandbox goes away. Unknown uids are ignored."""
        ...

    async def sandbox_running(self, pod_uid: str) -> bool:
        """False when the sandbox died under its containers, as by a containerd restart of CSM's unit."""
        ...

    async def ready(self) -> bool:
        """True while containerd answers; False makes the node NotReady after the kubelet's patience."""
        ...

"""A node runtime whose answers a test sets, and a way to wait for what a cluster comes to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..api import KubeObject, Store
from .runtime import SandboxFailed, SandboxStarted

HOST_KERNEL = "6.4.0-host"
GUEST_KERNEL = "6.1.62-guest"
_T = TypeVar("_T")


class ScriptedRuntime:
    """Starts everything, except the handlers in `broken`, which fail with the text given there.

    While `held` is set to an event, starts hang until it fires.
    """

    def __init__(self, broken: Mapping[str, str] | None = None) -> None:
        self.broken = dict(broken or {})
        self.answers = True
        self.running: set[str] = set()
        self.asked: list[str | None] = []
        self.held: asyncio.Event | None = None

    async def run_pod_sandbox(
        self,
        runtime_handler: str | None,
        annotations: Mapping[str, str],
        pod: KubeObject,
    ) -> SandboxStarted | SandboxFailed:
        self.asked.append(runtime_handler)
        if self.held is not None:
            await self.held.wait()
        if runtime_handler in self.broken:
            return SandboxFailed(self.broken[runtime_handler])
        self.running.add(pod["metadata"]["uid"])
        return SandboxStarted(HOST_KERNEL if runtime_handler is None else GUEST_KERNEL)

    async def stop_pod_sandbox(self, pod_uid: str) -> None:
        self.running.discard(pod_uid)

    async def sandbox_running(self, pod_uid: str) -> bool:
        return pod_uid in self.running

    async def ready(self) -> bool:
        return self.answers


async def eventually(store: Store, found: Callable[[], _T | None], timeout_s: float = 3.0) -> _T:
    """Wait until `found` returns something true after some write; AssertionError when it never does."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        seen = store.revision
        if result := found():
            return result
        left_s = deadline - asyncio.get_running_loop().time()
        if left_s <= 0 or not await store.wait_newer(seen, left_s):
            raise AssertionError("the cluster never came to the expected state")

"""One simulated worker: machine, service manager, sshd, and the runtime that a simulated kubelet asks.

The node decides by what really lies in its files and by what its containerd read at its last start. Nothing here
knows how a repair looks.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.sandbox.api import KubeObject
from tests.sandbox.controllers.runtime import SandboxFailed, SandboxStarted
from tests.sandbox.nodes.machine import Machine
from tests.sandbox.nodes.rootfs import RootFilesystem
from tests.sandbox.nodes.sshd import Sshd
from tests.sandbox.nodes.state import HEALTHY, NodeState
from tests.sandbox.nodes.systemd.control import ControlSocket
from tests.sandbox.nodes.systemd.service import Service
from tests.sandbox.nodes.systemd.system import System

_CONTAINERD = "containerd.service"
_SOCKET = "/run/containerd/containerd.sock"
_STATUS_TIMEOUT_S = 5
_POD = "IMSBOT_SANDBOX_POD"
_HOLDER = """
mkdir -p {pod} && touch {pod}/etc-hosts {pod}/socket &&
mount --bind {pod}/etc-hosts /etc/hosts && mount --bind {socket} {pod}/socket && exec sleep infinity
"""


class RuntimeCallError(Exception):
    """A CRI call failed; the text is the whole gRPC error."""


class Node:
    """`async with Node("ncn-w001", folder, client_key=public_key) as node`: on inside, off afterwards.

    It is also the `NodeRuntime` of a simulated kubelet.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        client_key: str,
        state: NodeState = HEALTHY,
        xname: str = "x3000c0s7b0n0",
    ) -> None:
        directory = directory.resolve()
        directory.mkdir(parents=True)
        self.name = name
        self.files = RootFilesystem(directory)
        self.files.create(name, xname)
        state.write(self.files)
        self.machine = Machine(self.files, name)
        self.system = System(self.machine, directory / "logs")
        self.system.on_active = self._noticed_active
        self.sshd = Sshd(directory / "sshd", self.machine, client_key)
        self.on_containers_killed: Callable[[Sequence[str]], None] = lambda uids: None
        """Called with the uids of the pods whose containers a restart of containerd has killed."""
        self._control = ControlSocket(self.machine, self.system)
        self._background: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Node":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Switch on; returns when sshd listens and containerd runs, or has failed to."""
        await self._boot()
        await self.sshd.start()

    async def stop(self) -> None:
        """Cut the power. What lies on the disk stays in the node's folder.

        The sessions go first: one that outlived the machine could answer for it.
        """
        await self.sshd.stop()
        await self._power_off()

    async def reboot(self) -> None:
        """A hard reset: sessions, processes, transient units and /run are gone; the port stays."""
        await self.stop()
        self.files.new_boot()
        await self.start()

    async def shell(self, script: str) -> str:
        """Run a script inside as root, past sshd: for set-up and assertions. Raises MachineError."""
        return (await self.machine.run(["/bin/sh", "-c", script])).decode()

    async def limit_space(self, folder: str, size_bytes: int) -> None:
        """Put `folder` with all that is in it onto a small file system of its own, until the next reboot, which
        brings back the folder as it was."""
        await self.shell(
            f"set -e; mkdir -p /mnt/small; mount -t tmpfs -o size={size_bytes},mode=755 tmpfs /mnt/small\n"
            f"cp -a {folder}/. /mnt/small/; mount --move /mnt/small {folder}"
        )

    @property
    def known_hosts(self) -> str:
        """One line, by the node's name and by its address."""
        names = (self.name, f"[{self.name}]:{self.sshd.port}", f"[127.0.0.1]:{self.sshd.port}")
        return f"{','.join(names)} {self.sshd.host_key}\n"

    # What a kubelet asks

    async def run_pod_sandbox(
        self, runtime_handler: str | None, annotations: Mapping[str, str], pod: KubeObject
    ) -> SandboxStarted | SandboxFailed:
        metadata = pod["metadata"]
        config = {
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "annotations": dict(annotations),
            "labels": {**metadata.get("labels", {}), "io.kubernetes.pod.uid": metadata["uid"]},
        }
        try:
            started = await self._call("RunPodSandbox", config=config, runtime_handler=runtime_handler or "")
        except RuntimeCallError as error:
            return SandboxFailed(str(error))
        if _mounts_socket(pod):
            await self._hold_socket(metadata["uid"])
        return SandboxStarted(started["kernel"])

    async def _hold_socket(self, pod_uid: str) -> None:
        """The one container whose mounts matter: a process with the socket's file in a mount space of its own."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", _POD: pod_uid}
        quiet = asyncio.subprocess.DEVNULL
        script = _HOLDER.format(pod=f"/var/lib/kubelet/pods/{pod_uid}", socket=_SOCKET)
        argv = ["unshare", "--mount", "/bin/sh", "-c", script]
        await self.machine.enter(argv, stdin=quiet, stdout=quiet, stderr=quiet, env=env)

    async def stop_pod_sandbox(self, pod_uid: str) -> None:
        for pid in self.machine.processes_with(f"{_POD}={pod_uid}") if self.machine.on else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            await self._call("ForgetPod", uid=pod_uid)
        except RuntimeCallError:
            return  # nobody answers: a real kubelet tries again for ever, and nothing waits for it

    async def sandbox_running(self, pod_uid: str) -> bool:
        bundles = (
            self.machine.resolve("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
            if self.machine.on
            else None
        )
        records = (
            [] if bundles is None else [json.loads(path.read_text()) for path in bundles.glob("*/sandbox.json")]
        )
        return any(
            record["metadata"]["uid"] == pod_uid and record["state"] == "SANDBOX_READY" for record in records
        )

    async def ready(self) -> bool:
        try:
            await self._call("Status")
        except RuntimeCallError:
            return False
        return True

    async def _call(self, method: str, **params: object) -> dict[str, object]:
        """One CRI call. Raises RuntimeCallError with gRPC's text, also when nobody answers."""
        try:
            async with asyncio.timeout(_STATUS_TIMEOUT_S if method == "Status" else None):
                line = await self._ask(json.dumps({"method": method, "params": params}).encode() + b"\n")
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise RuntimeCallError(
                'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
                f'dial unix {_SOCKET}: connect: {reason}"'
            ) from None
        if not line:
            raise RuntimeCallError("rpc error: code = Unavailable desc = error reading from server: EOF")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeCallError(
                f"rpc error: code = {answer['error']['code']} desc = {answer['error']['message']}"
            )
        return answer["result"]

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.machine.path(_SOCKET)), limit=1 << 24)
        try:
            writer.write(request)
            return await reader.readline()
        finally:
            writer.transport.abort()

    # On and off

    async def _boot(self) -> None:
        await self.machine.boot()
        self._control.open()
        await self.system.boot()

    async def _power_off(self) -> None:
        self._control.close()
        self.system.forget_all()
        for task in self._background:
            task.cancel()
        await self.machine.power_off()

    def _noticed_active(self, service: Service) -> None:
        if service.name == _CONTAINERD:
            task = asyncio.create_task(self._tell_killed())
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _tell_killed(self) -> None:
        try:
            killed = await self._call("Killed")
        except RuntimeCallError:
            return  # it was restarted again at once, or its CRI plugin is dead
        if killed:
            self.on_containers_killed([record["metadata"]["uid"] for record in killed])


def _mounts_socket(pod: KubeObject) -> bool:
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return any((volume.get("hostPath") or {}).get("path") == _SOCKET for volume in volumes)

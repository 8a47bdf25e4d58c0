"""The control plane of one lab as one thing. It outlives the program that starts it (`tests/lab/daemon`)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp

from tests.lab.control_plane.flags import Flags
from tests.lab.control_plane.kubeconfig import with_certificate, with_token
from tests.lab.daemon import Daemon
from tests.lab.host import LabError
from tests.lab.node.cgroups import ControlGroups
from tests.lab.node.network import Network
from tests.lab.programs import Family, Programs
from tests.sandbox.api.authority import Authority

_ETCD, _API = "etcd", "kube-apiserver"
_CONTROLLERS, _SCHEDULER = "kube-controller-manager", "kube-scheduler"
_READY_S, _POLL_S = 60.0, 0.1


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`folder` holds all of it: certificates, kubeconfigs, what etcd knows, logs. Absolute."""

    folder: Path
    network: Network
    programs: Programs

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._flags.server

    @property
    def admin_kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    @property
    def bot_kubeconfig(self) -> Path:
        """Written by `populate`."""
        return self.folder / "imsbot.kubeconfig"

    async def start(self) -> None:
        """Returns when the API server is ready and its controllers run. Raises LabError.

        What the cluster knew when it last ran, it knows again. The controller-manager gives up on an API server
        that is not ready, so it comes later.
        """
        self._authority.prepare()
        with_certificate(
            self.admin_kubeconfig,
            self.server,
            self._authority.certificate,
            self._authority.for_client("admin", ("system:masters",)),
        )
        await self.network.up()
        await self._launch(_ETCD, Family.ETCD, self._flags.etcd())
        await self.start_api_server()
        controllers = self._credentials("system:kube-controller-manager", self.folder / "controllers.kubeconfig")
        scheduler = self._credentials("system:kube-scheduler", self.folder / "scheduler.kubeconfig")
        await self._launch(_CONTROLLERS, Family.KUBERNETES, self._flags.controller_manager(controllers))
        await self._launch(_SCHEDULER, Family.KUBERNETES, self._flags.scheduler(scheduler))

    async def start_api_server(self) -> None:
        """Returns when it is ready. Raises LabError."""
        hosts = ("kubernetes.default.svc", self.network.gateway, self.network.services.replace(".0/24", ".1"))
        serving = self._authority.for_server("kube-apiserver", hosts)
        to_kubelets = self._authority.for_client("kube-apiserver-to-kubelets", ("system:masters",))
        await self._launch(_API, Family.KUBERNETES, self._flags.api_server(serving, to_kubelets))
        await self._ready()

    async def stop_api_server(self) -> None:
        """As a crash would; everything else goes on."""
        await self._daemon(_API).stop()

    async def stop(self) -> None:
        """Nothing when it is not running. What the cluster knows stays in `folder`."""
        for name in (_SCHEDULER, _CONTROLLERS, _API, _ETCD):
            await self._daemon(name).stop()

    @property
    def running(self) -> bool:
        return all(self._daemon(name).running for name in (_ETCD, _API, _CONTROLLERS, _SCHEDULER))

    def node_kubeconfig(self, name: str) -> Path:
        """Credentials of that node's kubelet."""
        return self._credentials(f"system:node:{name}", self.folder / f"{name}.kubeconfig", ("system:nodes",))

    def write_bot_kubeconfig(self, token: str) -> None:
        with_token(self.bot_kubeconfig, self.server, self._authority.certificate, token)

    def _credentials(self, user: str, file: Path, groups: tuple[str, ...] = ()) -> Path:
        issued = self._authority.for_client(user, groups)
        return with_certificate(file, self.server, self._authority.certificate, issued)

    async def _launch(self, name: str, family: Family, arguments: tuple[str, ...]) -> None:
        daemon = self._daemon(name)
        if not daemon.running:
            await daemon.start(str(await self.programs.path(family, name)), *arguments)

    async def _ready(self) -> None:
        """Asked until it says so: the API server tells nobody by itself."""
        trust = ssl.create_default_context(cafile=str(self._authority.certificate))
        try:
            async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
                while not await _says_ready(session, f"{self.server}/readyz", trust):
                    self._check_alive(_ETCD)
                    self._check_alive(_API)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise LabError(
                f"the API server was not ready within {_READY_S:g} s: {self._daemon(_API).last_words()}"
            ) from None

    def _check_alive(self, name: str) -> None:
        daemon = self._daemon(name)
        if not daemon.running:
            raise LabError(f"{name} has ended: {daemon.last_words()}")

    def _daemon(self, name: str) -> Daemon:
        return Daemon(ControlGroups(f"{self.network.bridge}/{name}"), self.folder / f"{name}.log")

    @property
    def _authority(self) -> Authority:
        return Authority(self.folder / "pki")

    @property
    def _flags(self) -> Flags:
        return Flags(self.network, self._authority, self.folder / "etcd")


async def _says_ready(session: aiohttp.ClientSession, url: str, trust: ssl.SSLContext) -> bool:
    try:
        async with session.get(url, ssl=trust) as answer:
            return answer.status == HTTPStatus.OK
    except aiohttp.ClientError:
        return False

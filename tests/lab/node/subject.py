"""A worker of the lab as the tests of `tests/subjects` see it."""

from __future__ import annotations

from pathlib import Path

from bot.core.settings import Ssh
from tests.lab.node.worker import Worker
from tests.subjects import Subject


class RealSubject(Subject):
    def __init__(self, worker: Worker, known_hosts: Path) -> None:
        self.name = worker.name
        self._worker = worker
        self._known_hosts = known_hosts
        self.pin()

    def ssh(self) -> Ssh:
        return Ssh(
            user="root",
            addresses={self.name: self._worker.ssh_address},
            client_key=self._worker.client_key,
            known_hosts=self._known_hosts,
        )

    async def shell(self, script: str) -> str:
        return await self._worker.run(script)

    async def cut(self) -> int:
        return await self._worker.cut_sessions()

    async def reboot(self) -> None:
        await self._worker.reboot()

    async def change_host_key(self) -> None:
        await self._worker.change_host_key()

    def pin(self) -> None:
        self._known_hosts.write_text(self._worker.known_hosts)

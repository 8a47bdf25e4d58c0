"""A real OpenSSH server on a loopback port, run as the current user, with its own host key and settings."""

import asyncio
import contextlib
import getpass
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from bot.core.settings import Ssh
from tests.loopback import children, free_port, program
from tests.waiting import eventually

SSHD = "/usr/sbin/sshd"
START_S = 30


@dataclass
class Sshd:
    """One server. `start` and `stop` may be called again: the port and the host key stay."""

    directory: Path
    options: tuple[str, ...] = ()
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    client_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    certificate: asyncssh.SSHCertificate | None = None
    port: int = 0
    _process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when it listens and has no session, not even the one that looked whether it listens."""
        self.port = self.port or free_port()
        self._write_files()
        self._process = await asyncio.create_subprocess_exec(
            SSHD, "-D", "-f", str(self.directory / "sshd_config"), "-E", str(self.directory / "sshd.log")
        )
        listener = self._process.pid
        await wait_for_banner(self.port)
        await eventually(lambda: not children(listener))

    async def stop(self) -> None:
        self.cut()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        self._process = None

    def cut(self) -> int:
        """Kill every session of this server, as a crash of it or of the network does; how many there were."""
        assert self._process is not None
        sessions = children(self._process.pid)
        for pid in sessions:
            for process in (*children(pid), pid):
                # The monitor and its unprivileged half, never what they started.
                if program(process).startswith("sshd"):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
        return len(sessions)

    def settings(self, node: str, **changes: object) -> Ssh:
        """For a client that has pinned this server's present host key."""
        key_file, known_hosts = self.directory / "client_key", self.directory / "known_hosts"
        key_file.write_bytes(self.client_key.export_private_key())
        known_hosts.write_text(f"{node} {public(self.host_key)}\n")
        values: dict[str, object] = {
            "user": getpass.getuser(),
            "addresses": {node: self.address},
            "client_key": key_file,
            "known_hosts": known_hosts,
            "connect_timeout_s": 10,
            **changes,
        }
        return Ssh.model_validate(values)

    def _write_files(self) -> None:
        self.directory.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        private = self.directory / "host_key"
        private.write_bytes(self.host_key.export_private_key())
        private.chmod(0o600)
        (self.directory / "authorized_keys").write_text(public(self.client_key) + "\n")
        lines = [
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            f"HostKey {private}",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            f"PidFile {self.directory / 'sshd.pid'}",
            *("UsePAM no", "StrictModes no", "UseDNS no", "PermitRootLogin yes", "PasswordAuthentication no"),
            *self.options,
        ]
        if self.certificate is not None:
            path = self.directory / "host_key-cert.pub"
            path.write_bytes(self.certificate.export_certificate())
            lines.append(f"HostCertificate {path}")
        (self.directory / "sshd_config").write_text("\n".join(lines) + "\n")


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


async def wait_for_banner(port: int) -> None:
    """Until a session's server has spoken: from then on its process is there, and its end can be waited for."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            await reader.readline()
            writer.close()
            await writer.wait_closed()
            return

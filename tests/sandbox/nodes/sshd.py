"""OpenSSH's own server in front of a simulated worker: one per node, with its own host key, on a loopback port.

It runs as the current user on the host; a forced command takes every session into the node's machine. Its defaults
(sessions per connection, connections that have not logged in) stay OpenSSH's, because the bot must live with them.
Hooks of a test: cut sessions, freeze the link, refuse connections, delay sessions, change the host key.
"""

import asyncio
import contextlib
import functools
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import asyncssh

from tests.loopback import children, free_port, program
from tests.sandbox.nodes.machine import LOGIN_PATH, Machine

_PROGRAM = "/usr/sbin/sshd"
_START_TIMEOUT_S = 5
_ATTEMPTS = 5
_SESSION = """\
#!/bin/sh
# Every login and command of this node ends up in its machine.
[ -s {delay} ] && sleep "$(cat {delay})"
shell="exec /bin/bash -l"
[ -n "$SSH_ORIGINAL_COMMAND" ] && shell=$SSH_ORIGINAL_COMMAND
exec {enter} /usr/bin/env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash PATH={path} \\
    SSH_CONNECTION="$SSH_CONNECTION" /bin/sh -c 'cd /root; exec /bin/bash -c "$0"' "$shell"
"""
_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized_keys
ForceCommand {directory}/session
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
# bash would read the host user's ~/.bashrc, as it is started by sshd; from the second level on it does not.
SetEnv SHLVL=1
LogLevel VERBOSE
"""


_WITHOUT_PENALTIES = """\
# An address is punished for connections that break off, and all of a sandbox comes from one.
PerSourcePenalties no
"""


class SshdError(Exception):
    """sshd did not come up; the message holds the end of its log."""


class Sshd:
    """`directory` is on the host, absolute, and this server's own."""

    def __init__(self, directory: Path, machine: Machine, client_key: str) -> None:
        self._directory = directory
        self._machine = machine
        self._process: asyncio.subprocess.Process | None = None
        self._sessions: dict[int, str] = {}
        self.port = 0
        directory.mkdir()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own condition for privilege separation
        (directory / "authorized_keys").write_text(client_key)
        self.host_key = self._write_host_key()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one. Raises SshdError."""
        self._write_session()
        for _ in range(_ATTEMPTS):
            port = self.port or free_port()
            self._write_config(port)
            if await self._listen(port):
                self.port = port
                return
        raise SshdError(f"sshd in {self._directory}: {self.log()[-500:]}")

    async def stop(self) -> None:
        """Stop listening and end every session."""
        await self.refuse()
        self.cut()

    async def refuse(self) -> None:
        """Stop listening; sessions go on. `start` undoes it."""
        self._remember_sessions()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._process = None

    def cut(self) -> int:
        """Kill every live session's server: the client is cut off at once, the remote command notices at its next
        write. Returns how many there were."""
        return self._signal_sessions(signal.SIGKILL)

    def freeze(self) -> None:
        """A link that goes down: nobody answers any more, commands keep running. `thaw` undoes it."""
        self._signal_sessions(signal.SIGSTOP)
        self._signal_listener(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_listener(signal.SIGCONT)
        self._signal_sessions(signal.SIGCONT)

    def delay_sessions(self, seconds: float) -> None:
        """Let every new command start that much later; 0 undoes it."""
        (self._directory / "delay").write_text(f"{seconds}\n" if seconds else "")

    async def change_host_key(self) -> str:
        """As a rebuild of the node does. Returns the new public key; the listener restarts, sessions go on."""
        self.host_key = self._write_host_key()
        await self.refuse()
        await self.start()
        return self.host_key

    def log(self) -> str:
        log = self._directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    async def _listen(self, port: int) -> bool:
        self._process = await asyncio.create_subprocess_exec(
            *("/usr/bin/setpriv", "--pdeathsig", "KILL", "--"),
            *(_PROGRAM, "-D", "-f", str(self._directory / "sshd_config"), "-E", str(self._directory / "log")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": LOGIN_PATH},
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT_S):
                while self._process.returncode is None:
                    if await _answers(port):
                        return True
                    await asyncio.sleep(0.01)
        return False

    def _write_host_key(self) -> str:
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = self._directory / "host_key"
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        return key.export_public_key().decode().strip()

    def _write_config(self, port: int) -> None:
        text = _CONFIG.format(port=port, directory=self._directory)
        (self._directory / "sshd_config").write_text(text + (_WITHOUT_PENALTIES if _version() >= (9, 8) else ""))

    def _write_session(self) -> None:
        script = self._directory / "session"
        enter = shlex.join(self._machine.entering([]))
        delay = shlex.quote(str(self._directory / "delay"))
        script.write_text(_SESSION.format(enter=enter, path=LOGIN_PATH, delay=delay))
        script.chmod(0o755)

    def _signal_listener(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _signal_sessions(self, number: int) -> int:
        self._remember_sessions()
        alive = 0
        for pid, started in list(self._sessions.items()):
            if _start_time(pid) == started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    alive += 1
            else:
                del self._sessions[pid]
        return alive

    def _remember_sessions(self) -> None:
        """The listener's descendants that are sshd themselves, with their start times: a pid can come again."""
        if self._process is None or self._process.returncode is not None:
            return
        pending = [self._process.pid]
        while pending:
            for child in children(pending.pop()):
                if program(child).startswith("sshd"):  # since 9.8 a session's is "sshd-session"
                    self._sessions[child] = _start_time(child)
                    pending.append(child)


@functools.cache
def _version() -> tuple[int, ...]:
    said = subprocess.run([_PROGRAM, "-V"], capture_output=True, text=True).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True


def _start_time(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""

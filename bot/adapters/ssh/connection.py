"""One verified SSH connection to one node: opened when it is needed, opened again after it was lost.

asyncssh by itself waits for ever in several places (a channel on a frozen connection, for one), so every step
has an outer deadline here, and a connection that missed one is dropped rather than reused. Ending a connection
does not end the remote process (measured; it also keeps a MaxSessions slot): every line that is run must end by
its own bound on the node. This module knows nothing of units, epochs or facts.
"""

import asyncio
import getpass
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncssh
import structlog

from bot.adapters.ssh.failures import ConnectionLostError, Failures, OutputTooLargeError, counted
from bot.adapters.ssh.trust import Address, Trust, changed_key, read_trust
from bot.core.errors import BotError, PermanentError, UnreachableError
from bot.core.settings import Ssh

log = structlog.get_logger(__name__)

KEEPALIVE_COUNT = 3
CLOSE_S = 2.0
FIRST_RETRY_S = 0.2
SLOWEST_RETRY_S = 3.0
STDERR_KEPT_BYTES = 8 * 1024
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Executed:
    """How a remote line ended."""

    exit_status: int
    stdout: bytes
    stderr: bytes
    """Its end: at most 8 KiB."""


class _Witness(asyncssh.SSHClient):
    """Keeps the key that was not trusted, for the message. It never trusts one."""

    def __init__(self) -> None:
        self.seen: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.seen = key
        return False


class Connection:
    def __init__(
        self,
        node: str,
        settings: Ssh,
        locate: Callable[[], Awaitable[Address]],
        connects: asyncio.Semaphore,
        failures: Failures,
    ) -> None:
        """`locate` is asked for each connect: an address may change. All nodes share `connects` and `failures`."""
        self.node = node
        self._settings = settings
        self._locate = locate
        self._connects = connects
        self._failures = failures
        self._opening = asyncio.Lock()
        self._open: asyncssh.SSHClientConnection | None = None

    async def run(self, line: str, stdin: bytes, *, deadline_s: float, max_bytes: int) -> Executed:
        """Run a line that ends by itself on the node. `deadline_s` starts once the connection is open.

        Raises ConnectionLostError, UnreachableError, HostKeyError, InputError, PermanentError and
        OutputTooLargeError.
        """
        connection = await self._opened()
        with counted(self._failures):
            return await self._run(connection, line, stdin, deadline_s, max_bytes)

    async def _run(
        self, connection: asyncssh.SSHClientConnection, line: str, stdin: bytes, deadline_s: float, max_bytes: int
    ) -> Executed:
        try:
            async with asyncio.timeout(deadline_s):
                return await _execute(connection, line, stdin, max_bytes)
        except TimeoutError:
            self._drop(connection)
            raise UnreachableError(
                f"{self.node}: no answer over SSH within {deadline_s:g} s; the connection was dropped"
            ) from None
        except (asyncssh.Error, OSError) as error:
            self._drop(connection)
            log.warning("ssh connection lost", node=self.node, reason=_reason(error))
            raise ConnectionLostError(f"{self.node}: the SSH connection was lost: {_reason(error)}") from error
        except OutputTooLargeError as error:
            raise OutputTooLargeError(f"{self.node}: {error}") from None

    async def close(self) -> None:
        connection, self._open = self._open, None
        if connection is None:
            return
        connection.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await connection.wait_closed()
        except TimeoutError:
            connection.abort()

    def _drop(self, connection: asyncssh.SSHClientConnection) -> None:
        connection.abort()
        if self._open is connection:
            self._open = None

    async def _opened(self) -> asyncssh.SSHClientConnection:
        async with self._opening:
            if self._open is None or self._open.is_closed():
                address = await self._locate()
                with counted(self._failures):
                    self._open = await self._connect(address)
            return self._open

    async def _connect(self, address: Address) -> asyncssh.SSHClientConnection:
        """Connect within the bound, again after a refusal that passes (MaxStartups), with jitter."""
        trust = await asyncio.to_thread(read_trust, self._settings, self.node, address)
        longest_s, paused_s = FIRST_RETRY_S, 0.0
        while True:
            try:
                async with self._connects:
                    return await self._attempt(address, trust)
            except _TransientRefusalError as refusal:
                longest_s = min(longest_s * 2, SLOWEST_RETRY_S)
                pause_s = random.uniform(longest_s / 2, longest_s)  # noqa: S311 # jitter, not a secret
                # Waiting for our own turn is not the node's fault, so only the pauses count.
                paused_s += pause_s
                if paused_s > self._settings.connect_timeout_s:
                    raise UnreachableError(f"{self._where(address)}: {refusal}") from refusal.__cause__
                await asyncio.sleep(pause_s)

    async def _attempt(self, address: Address, trust: Trust) -> asyncssh.SSHClientConnection:
        witness = _Witness()
        _have_a_name()
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                connection = await asyncssh.connect(**self._options(address, trust, witness))
        except TimeoutError:
            raise UnreachableError(
                f"{self._where(address)}: no SSH connection within {self._settings.connect_timeout_s:g} s"
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise self._translated(error, address, trust, witness) from error
        log.debug("ssh connected", node=self.node, address=str(address))
        return connection

    def _options(self, address: Address, trust: Trust, witness: _Witness) -> dict[str, Any]:
        """Everything that asyncssh would otherwise take from ~/.ssh, the environment or an agent is given."""
        return {
            "host": address.host,
            "port": address.port,
            "username": self._settings.user,
            "client_factory": lambda: witness,
            "client_keys": [trust.key],
            "preferred_auth": "publickey",
            "known_hosts": lambda *_: (trust.host_keys, trust.ca_keys, trust.revoked),
            "host_key_alias": self.node,
            "server_host_key_algs": trust.algorithms,
            "x509_trusted_certs": None,
            # Empty but not `()`, its default, for which it looks into ~/.ssh/crt.
            "x509_trusted_cert_paths": [],
            "config": None,
            "agent_path": None,
            "gss_host": None,
            "keepalive_interval": self._settings.keepalive_s,
            "keepalive_count_max": KEEPALIVE_COUNT,
            "connect_timeout": self._settings.connect_timeout_s,
            "login_timeout": self._settings.connect_timeout_s,
        }

    def _translated(self, error: Exception, address: Address, trust: Trust, witness: _Witness) -> BotError:
        where = self._where(address)
        known_hosts = self._settings.known_hosts
        match error:
            case asyncssh.HostKeyNotVerifiable():
                return changed_key(known_hosts, self.node, address, witness.seen, _reason(error))
            case asyncssh.KeyExchangeFailed() if "host key" in str(error):
                return changed_key(known_hosts, self.node, address, None, "no common host key algorithm")
            case asyncssh.KeyExchangeFailed():
                return PermanentError(f"{where}: no common SSH algorithm: {error}")
            case asyncssh.PermissionDenied():
                return PermanentError(
                    f"{where}: {self._settings.user} is not let in with {self._settings.client_key} "
                    f"({trust.key.get_fingerprint()}): add its public half to the node's authorized_keys"
                )
            case asyncssh.Error() | ConnectionResetError() | BrokenPipeError():
                return _TransientRefusalError(f"the node ended the SSH handshake: {_reason(error)}")
            case _:
                return UnreachableError(f"{where}: cannot connect: {_reason(error)}")

    def _where(self, address: Address) -> str:
        return f"{self.node} ({address})"


class _TransientRefusalError(UnreachableError):
    """sshd has too many unauthenticated connections, or is just being restarted."""


async def _execute(connection: asyncssh.SSHClientConnection, line: str, stdin: bytes, max_bytes: int) -> Executed:
    process: asyncssh.SSHClientProcess[bytes]
    process = await connection.create_process(line, encoding=None)
    try:
        async with asyncio.TaskGroup() as streams:
            streams.create_task(_feed(process.stdin, stdin))
            stdout = streams.create_task(_read_all(process.stdout, max_bytes))
            stderr = streams.create_task(_read_tail(process.stderr))
        await process.wait_closed()
    except* OutputTooLargeError as group:
        raise group.exceptions[0] from None
    except* (asyncssh.Error, OSError) as group:
        raise group.exceptions[0] from None
    finally:
        process.close()
    if process.exit_status is None:
        raise asyncssh.ConnectionLost("the session ended without an exit status")
    return Executed(process.exit_status, stdout.result(), stderr.result())


async def _feed(stream: asyncssh.SSHWriter[bytes], text: bytes) -> None:
    try:
        stream.write(text)
        await stream.drain()
        stream.write_eof()
    except BrokenPipeError:
        # The line ended without reading it all; its exit status says why.
        pass


async def _read_all(stream: asyncssh.SSHReader[bytes], max_bytes: int) -> bytes:
    read = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        read += chunk
        if len(read) > max_bytes:
            raise OutputTooLargeError(f"more than {max_bytes} bytes of output")
    return bytes(read)


async def _read_tail(stream: asyncssh.SSHReader[bytes]) -> bytes:
    kept = b""
    while chunk := await stream.read(CHUNK_BYTES):
        kept = (kept + chunk)[-STDERR_KEPT_BYTES:]
    return kept


def _have_a_name() -> None:
    """asyncssh refuses a uid without a passwd entry, though the name is used for nothing: `username` is given."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"


def _reason(error: Exception) -> str:
    """One line of the other side's words; a peer chooses some of them."""
    number = error.errno if isinstance(error, OSError) else None
    # asyncio's own text names the address but not the reason.
    words = (os.strerror(number) if number and number > 0 else str(error)) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in words)[:300]

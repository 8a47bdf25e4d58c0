"""Whom we are and whom we believe: the client key and the pinned host keys, read anew for every connection.

Pins go by node name, so they hold for whatever address leads to a node. There is no way to connect without a pin:
a missing, unreadable or empty file is an error, and so is a node that the file does not name. A host key is never
learnt from the network; the message of `changed_key` says how a person pins one. Nothing of ~/.ssh is read.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from bot.core.errors import HostKeyError, InputError
from bot.core.settings import Ssh

_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Of host keys; SHA-1 signatures are refused."""

ON_CONSOLE = "ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Trust:
    """What one connection to one node is made with."""

    key: asyncssh.SSHKey
    host_keys: tuple[asyncssh.SSHKey, ...]
    ca_keys: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...]

    @property
    def algorithms(self) -> list[str]:
        """Host key algorithms in the order we ask for them: what is pinned first.

        The others only let us see, and name, the key of a node that has none of a pinned type.
        """
        pinned = [name.decode() for key in self.host_keys for name in key.sig_algorithms]
        certified = [f"{name}-cert-v01@openssh.com" for name in _ALGORITHMS] if self.ca_keys else []
        return list(dict.fromkeys([*certified, *(name for name in pinned if name in _ALGORITHMS), *_ALGORITHMS]))


def read_files(settings: Ssh) -> tuple[asyncssh.SSHKey, asyncssh.SSHKnownHosts]:
    """The client key and all pins. Raises InputError naming the file."""
    return _read_client_key(settings.client_key), _read_known_hosts(settings.known_hosts)


def read_trust(settings: Ssh, node: str, address: Address) -> Trust:
    """Raises InputError naming the file, or HostKeyError when the node is not pinned."""
    key, pins = read_files(settings)
    # By name only: a line for an address would follow the address to another machine.
    host_keys, ca_keys, revoked, *_ = pins.match(node, "", None)
    if not host_keys and not ca_keys:
        raise unknown_host(settings.known_hosts, node, address)
    return Trust(key, tuple(host_keys), tuple(ca_keys), tuple(revoked))


def unknown_host(known_hosts: Path, node: str, address: Address) -> HostKeyError:
    return HostKeyError(
        f"{node} ({address}): {known_hosts} pins no host key for {node}. Pin it with "
        f"`{pin_command(known_hosts, node, address, 'ed25519')}` and compare what "
        f"`ssh-keygen -lf {shlex.quote(str(known_hosts))}` then shows with "
        f"`{ON_CONSOLE.format(kind='ed25519')}` on the node's console"
    )


def changed_key(
    known_hosts: Path, node: str, address: Address, seen: asyncssh.SSHKey | None, reason: str
) -> HostKeyError:
    """`seen` is the key that the node showed; `None` for a certificate, or when it showed none."""
    kind = _kind(seen)
    shows = (
        f"it shows {seen.get_algorithm()} {seen.get_fingerprint()}" if seen else "it has no key of a pinned type"
    )
    repin = f"{_unpin_command(known_hosts, node)} && {pin_command(known_hosts, node, address, kind)}"
    return HostKeyError(
        f"{node} ({address}): the host key is not the one pinned in {known_hosts} ({reason}; {shows}). "
        f"If the node was rebuilt, compare with `{ON_CONSOLE.format(kind=kind)}` on its console, then pin it "
        f"again: `{repin}`"
    )


def pin_command(known_hosts: Path, node: str, address: Address, kind: str) -> str:
    """ssh-keyscan names keys by address; we pin by node name."""
    return (
        f"ssh-keyscan -p {address.port} -t {kind} {shlex.quote(address.host)} "
        f"| sed 's/^[^ #]*/{node}/' >> {shlex.quote(str(known_hosts))}"
    )


def _unpin_command(known_hosts: Path, node: str) -> str:
    """ssh-keygen writes a new file: root's own, if root does it, and the service could not read it any more."""
    file, before = shlex.quote(str(known_hosts)), shlex.quote(f"{known_hosts}.old")
    return (
        f"ssh-keygen -R {node} -f {file} && chown --reference={before} {file} && chmod --reference={before} {file}"
    )


def _kind(key: asyncssh.SSHKey | None) -> str:
    algorithm = key.get_algorithm() if key else "ssh-ed25519"
    return next((kind for kind in ("rsa", "ecdsa") if kind in algorithm), "ed25519")


def _read_client_key(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(_read(path, "ssh.client_key"))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "passphrase" in str(error).lower():
            raise InputError(f"{path}: ssh.client_key has a passphrase; give the bot a key without one") from None
        # Without the cause, which may quote the file.
        raise InputError(
            f"{path}: ssh.client_key is not a private SSH key (`ssh-keygen -yf` must read it)"
        ) from None


def _read_known_hosts(path: Path) -> asyncssh.SSHKnownHosts:
    text = _read(path, "ssh.known_hosts")
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        raise InputError(f"{path}: ssh.known_hosts pins no host key, so no node could be trusted")
    try:
        return asyncssh.import_known_hosts(text)
    except ValueError as error:
        raise InputError(f"{path}: ssh.known_hosts cannot be read: {error}") from error


def _read(path: Path, key: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise InputError(f"{path}: {key} cannot be read: {reason}") from error

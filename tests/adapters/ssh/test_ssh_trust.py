"""Whom we believe: pinned host keys by node name, and what a person is told when they do not fit."""

import logging
import os
import subprocess
from pathlib import Path

import asyncssh
import pytest

from bot.core.errors import HostKeyError, InputError, PermanentError
from bot.core.settings import Ssh
from tests.adapters.ssh.conftest import NODE, nodes_of
from tests.adapters.ssh.sshd import Sshd, public


async def greet(settings: Ssh) -> bytes:
    async with nodes_of(settings).shell(NODE) as shell:
        return await shell.read("echo hello")


def new_key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


def run_quoted_command(message: str, starting: str) -> None:
    """Run the command that the message quotes, exactly as a person would copy it."""
    command = next(part for part in message.split("`") if part.startswith(starting))
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=20)


async def test_a_changed_host_key_is_one_line_whose_command_pins_it_again(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    await sshd.stop()
    sshd.host_key = new_key()
    await sshd.start()
    with pytest.raises(HostKeyError) as caught:
        await greet(settings)
    message = str(caught.value)
    assert "\n" not in message
    assert f"ncn-w001 ({sshd.address}): the host key is not the one pinned in {settings.known_hosts}" in message
    assert f"; it shows ssh-ed25519 {sshd.host_key.get_fingerprint()})" in message
    assert "on its console" in message
    run_quoted_command(message, "ssh-keygen -R")
    assert await greet(settings) == b"hello\n"


async def test_the_command_that_pins_again_leaves_the_file_to_the_service(sshd: Sshd) -> None:
    """Run by root: else the service, another user, would read it no more and stay down."""
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text(f"{NODE.name} {public(new_key())}\n")
    settings.known_hosts.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(settings.known_hosts, 12345, 12345)
    before = settings.known_hosts.stat()
    with pytest.raises(HostKeyError) as caught:
        await greet(settings)
    run_quoted_command(str(caught.value), "ssh-keygen -R")
    after = settings.known_hosts.stat()
    assert (before.st_uid, before.st_gid, before.st_mode) == (after.st_uid, after.st_gid, after.st_mode)
    assert await greet(settings) == b"hello\n"


async def test_an_unknown_host_is_never_learnt_and_its_message_pins_it(sshd: Sshd) -> None:
    settings = sshd.settings("ncn-w002", addresses={NODE.name: sshd.address})
    with pytest.raises(HostKeyError, match="pins no host key for ncn-w001") as caught:
        await greet(settings)
    assert "\n" not in str(caught.value)
    assert NODE.name not in settings.known_hosts.read_text()
    run_quoted_command(str(caught.value), "ssh-keyscan")
    assert await greet(settings) == b"hello\n"


async def test_a_pin_for_the_address_alone_is_not_a_pin_for_the_node(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {public(sshd.host_key)}\n")
    with pytest.raises(HostKeyError, match="pins no host key for ncn-w001"):
        await greet(settings)


async def test_the_key_of_another_node_behind_the_address_is_refused(sshd: Sshd) -> None:
    settings = sshd.settings("ncn-w002", addresses={NODE.name: sshd.address})
    with settings.known_hosts.open("a") as file:
        file.write(f"{NODE.name} {public(new_key())}\n")
    with pytest.raises(HostKeyError, match="the host key is not the one pinned"):
        await greet(settings)


async def test_a_node_without_a_key_of_the_pinned_type_is_a_changed_host_key(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text(f"{NODE.name} {public(new_key('ecdsa-sha2-nistp256'))}\n")
    with pytest.raises(HostKeyError, match="it shows ssh-ed25519") as caught:
        await greet(settings)
    run_quoted_command(str(caught.value), "ssh-keygen -R")
    assert await greet(settings) == b"hello\n"


async def test_the_pinned_key_is_asked_for_when_the_node_has_several(tmp_path: Path) -> None:
    pinned = new_key("ecdsa-sha2-nistp256")
    other = tmp_path / "ecdsa"
    other.write_bytes(pinned.export_private_key())
    other.chmod(0o600)
    server = Sshd(tmp_path / "sshd", options=(f"HostKey {other}",))
    await server.start()
    try:
        settings = server.settings(NODE.name)
        settings.known_hosts.write_text(f"{NODE.name} {public(pinned)}\n")
        assert await greet(settings) == b"hello\n"
    finally:
        await server.stop()


async def test_a_revoked_host_key_is_refused(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    with settings.known_hosts.open("a") as file:
        file.write(f"@revoked {NODE.name} {public(sshd.host_key)}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        await greet(settings)


async def test_a_certificate_of_the_pinned_authority_is_believed(sshd: Sshd) -> None:
    authority = new_key()
    settings = await certified(sshd, authority, signer=authority, principal=NODE.name)
    assert await greet(settings) == b"hello\n"


async def test_a_certificate_for_another_node_is_refused(sshd: Sshd) -> None:
    authority = new_key()
    settings = await certified(sshd, authority, signer=authority, principal="ncn-w009")
    with pytest.raises(HostKeyError):
        await greet(settings)


async def test_a_certificate_of_a_strange_authority_is_refused(sshd: Sshd) -> None:
    settings = await certified(sshd, new_key(), signer=new_key(), principal=NODE.name)
    with pytest.raises(HostKeyError):
        await greet(settings)


async def certified(sshd: Sshd, authority: asyncssh.SSHKey, *, signer: asyncssh.SSHKey, principal: str) -> Ssh:
    """The server shows a host certificate; the client has pinned `authority` for all workers."""
    await sshd.stop()
    sshd.certificate = signer.generate_host_certificate(sshd.host_key, "node", principals=[principal])
    await sshd.start()
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text(f"@cert-authority ncn-w* {public(authority)}\n")
    return settings


@pytest.mark.parametrize("content", ["", "# only a comment\n\n"])
async def test_an_empty_known_hosts_file_trusts_nobody(sshd: Sshd, content: str) -> None:
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text(content)
    with pytest.raises(InputError, match=r"known_hosts: ssh\.known_hosts pins no host key"):
        await greet(settings)


async def test_a_missing_known_hosts_file_is_named(sshd: Sshd, tmp_path: Path) -> None:
    settings = sshd.settings(NODE.name, known_hosts=tmp_path / "gone")
    with pytest.raises(InputError, match=r"gone: ssh\.known_hosts cannot be read: No such file"):
        await greet(settings)


async def test_a_directory_is_no_known_hosts_file(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ssh\.known_hosts cannot be read: Is a directory"):
        await greet(sshd.settings(NODE.name, known_hosts=tmp_path))


async def test_a_malformed_line_of_known_hosts_is_named(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.known_hosts.write_text("@nonsense ncn-w001 ssh-ed25519 AAAA\n")
    with pytest.raises(InputError, match="cannot be read: Invalid known hosts marker"):
        await greet(settings)


async def test_a_missing_client_key_is_named(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: ssh\.client_key cannot be read: No such file"):
        await greet(sshd.settings(NODE.name, client_key=tmp_path / "gone"))


async def test_a_key_with_a_passphrase_is_refused_in_words(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.client_key.write_bytes(sshd.client_key.export_private_key("pkcs8-pem", passphrase="secret"))
    with pytest.raises(InputError, match="has a passphrase"):
        await greet(settings)


async def test_what_is_not_a_key_is_refused_without_quoting_it(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    settings.client_key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0IGJpdHM=\n")
    with pytest.raises(InputError, match="is not a private SSH key") as caught:
        await greet(settings)
    assert "c2VjcmV0" not in str(caught.value)


async def test_a_key_that_the_node_does_not_know_is_a_permanent_error(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    stranger = new_key()
    settings.client_key.write_bytes(stranger.export_private_key())
    with pytest.raises(PermanentError, match=r"ncn-w001 \(127.*is not let in with .*client_key") as caught:
        await greet(settings)
    assert stranger.get_fingerprint() in str(caught.value)


async def test_a_key_that_was_replaced_is_used_by_the_next_connection(sshd: Sshd) -> None:
    settings = sshd.settings(NODE.name)
    good = settings.client_key.read_bytes()
    settings.client_key.write_bytes(new_key().export_private_key())
    async with nodes_of(settings).shell(NODE) as shell:
        with pytest.raises(PermanentError):
            await shell.read("true")
        settings.client_key.write_bytes(good)
        assert await shell.read("echo in") == b"in\n"


async def test_nothing_that_is_logged_holds_key_material(sshd: Sshd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = sshd.settings(NODE.name)
    await greet(settings)
    body = settings.client_key.read_text().splitlines()[1:-1]
    assert body
    assert not [line for line in body if line in caplog.text]


async def test_the_home_directory_is_not_even_looked_into(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be one that the service must not enter; this one is an error for root as well."""
    monkeypatch.setenv("HOME", f"/{'long' * 100}")
    assert await greet(sshd.settings(NODE.name)) == b"hello\n"


async def test_a_uid_without_a_name_connects(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a uid that its passwd does not know."""
    settings = sshd.settings(NODE.name)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    assert await greet(settings) == b"hello\n"

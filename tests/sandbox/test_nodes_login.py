"""A simulated worker over real SSH: what a session meets, and how a link fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from tests.sandbox.nodes import BARE, Node, Nodes
from tests.sandbox.nodes.login import login


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with Nodes(tmp_path / "nodes") as nodes:
        await nodes.add("ncn-w001", BARE)
        yield nodes


@pytest.fixture
def node(nodes: Nodes) -> Node:
    return nodes["ncn-w001"]


async def test_a_login_is_root_on_a_machine_of_its_own(nodes: Nodes) -> None:
    async with login(nodes, "ncn-w001") as shell:
        said = await shell.run("id -u; hostname; cat /etc/cray/xname; ls /opt; ls -d /work /home/*", check=False)
    assert "0\nncn-w001\nx3000c0s7b0n0\ncni\ncontainerd\n" == said.stdout


async def test_output_exit_status_and_stdin_pass_through(nodes: Nodes) -> None:
    async with login(nodes, "ncn-w001") as shell:
        said = await shell.run("cat; echo err >&2; exit 42", input="to the node\n", check=False)
    assert ("to the node\n", "err\n", 42) == (said.stdout, said.stderr, said.exit_status)


async def test_tools_of_a_repair_are_real(nodes: Nodes) -> None:
    script = (
        "for tool in bash curl flock python3 sha256sum tar xz zstd containerd; do command -v $tool || exit 1; done"
    )
    async with login(nodes, "ncn-w001") as shell:
        assert 0 == (await shell.run(script)).exit_status
        version = await shell.run("/usr/local/bin/containerd --version")
    assert str(version.stdout).startswith("containerd github.com/containerd/containerd 1.")


async def test_two_folders_of_opt_can_be_exchanged_in_one_step(node: Node) -> None:
    exchange = (
        "mkdir /opt/kata /opt/.kata-new; touch /opt/.kata-new/new\n"
        "python3 -c 'import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
        'raise SystemExit(libc.renameat2(-100, b"/opt/kata", -100, b"/opt/.kata-new", 2))\'\nls /opt/kata'
    )
    assert "new\n" == await node.shell(exchange)


async def test_usr_is_read_only_and_usr_local_is_not(node: Node) -> None:
    script = "touch /usr/bin/x 2>/dev/null && echo writable; touch /usr/local/bin/x && echo local"
    assert "local\n" == await node.shell(script)


async def test_logins_share_one_process_table_and_one_tmp(nodes: Nodes) -> None:
    async with login(nodes, "ncn-w001") as one, login(nodes, "ncn-w001") as other:
        sleeper = await one.create_process("echo $$ > /tmp/pid; exec sleep 60")
        seen = await other.run("until [ -s /tmp/pid ]; do sleep 0.01; done; cat /proc/$(cat /tmp/pid)/comm")
        sleeper.kill()
    assert seen.stdout in ("sleep\n", "bash\n")


async def test_a_cut_ends_the_connection_at_once_and_leaves_the_command_running(nodes: Nodes, node: Node) -> None:
    async with login(nodes, "ncn-w001") as shell:
        process = await shell.create_process("touch /tmp/began; sleep 0.3; touch /tmp/finished")
        await node.shell("until [ -e /tmp/began ]; do sleep 0.01; done")
        assert node.sshd.cut() > 0
        await asyncio.wait_for(process.wait_closed(), 5)
    assert "" == await node.shell("until [ -e /tmp/finished ]; do sleep 0.01; done")


async def test_after_a_cut_the_next_login_works(nodes: Nodes, node: Node) -> None:
    async with login(nodes, "ncn-w001"):
        node.sshd.cut()
    async with login(nodes, "ncn-w001") as shell:
        assert "ok\n" == (await shell.run("echo ok")).stdout


async def test_a_frozen_link_answers_nobody_until_it_thaws(nodes: Nodes, node: Node) -> None:
    async with login(nodes, "ncn-w001") as shell:
        node.sshd.freeze()
        asked = asyncio.ensure_future(shell.run("echo late"))
        done, _ = await asyncio.wait([asked], timeout=0.2)
        node.sshd.thaw()
        assert (set(), "late\n") == (done, (await asked).stdout)


async def test_a_refusing_node_keeps_its_port(nodes: Nodes, node: Node) -> None:
    port = node.sshd.port
    await node.sshd.refuse()
    # Reset: the connection was still taken into the queue of the listener that was just closing.
    with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
        async with login(nodes, "ncn-w001"):
            pass
    await node.sshd.start()
    async with login(nodes, "ncn-w001"):
        assert port == node.sshd.port


async def test_a_changed_host_key_is_refused_until_it_is_pinned_again(nodes: Nodes, node: Node) -> None:
    await node.sshd.change_host_key()
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with login(nodes, "ncn-w001"):
            pass
    nodes.write_known_hosts()
    async with login(nodes, "ncn-w001"):
        pass


async def test_delayed_sessions_start_late(nodes: Nodes, node: Node) -> None:
    node.sshd.delay_sessions(0.3)
    async with login(nodes, "ncn-w001") as shell:
        began = time.monotonic()
        await shell.run("true")
    assert time.monotonic() - began >= 0.3


async def test_a_reboot_changes_the_boot_id_empties_run_and_keeps_the_disk(nodes: Nodes, node: Node) -> None:
    before = await node.shell(
        "cat /proc/sys/kernel/random/boot_id; touch /run/lost /var/lib/kept; sleep 60 >/dev/null 2>&1 &"
    )
    await node.reboot()
    async with login(nodes, "ncn-w001") as shell:
        after = await shell.run(
            "cat /proc/sys/kernel/random/boot_id; ls /run/lost /var/lib/kept; pgrep -x sleep | wc -l", check=False
        )
    lines = str(after.stdout).splitlines()
    assert before.strip() != lines[0]
    assert ["/var/lib/kept", "1"] == lines[1:]


async def test_a_small_file_system_fills_up_and_a_reboot_takes_it_away(node: Node) -> None:
    await node.shell("echo kept > /opt/cni/file")
    await node.limit_space("/opt", 1 << 20)
    said = await node.shell("cat /opt/cni/file; head -c 4M /dev/zero 2>&1 > /opt/big; stat -f -c %b:%S /opt")
    full = "head: error writing 'standard output': No space left on device"
    assert ["kept", full, "256:4096"] == said.splitlines()
    await node.reboot()
    assert "cni\ncontainerd\n" == await node.shell("ls /opt")


async def test_nothing_is_left_behind_after_stop(tmp_path: Path) -> None:
    async with Nodes(tmp_path / "own") as nodes:
        node = await nodes.add("ncn-w009", BARE)
        await node.shell("sleep 300 >/dev/null 2>&1 &")
    assert [] == _command_lines_with(str(tmp_path / "own"))


def _command_lines_with(text: str) -> list[bytes]:
    lines = [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in lines if text.encode() in line]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""

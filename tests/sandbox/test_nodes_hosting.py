"""The sandbox as a guest of its host: an ordinary user can run it, and killing it leaves nothing running."""

import asyncio
import os
import pwd
import sys
import textwrap
import time
from pathlib import Path

import asyncssh
import pytest

ROOT = Path(__file__).parents[2]
STORY = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from tests.sandbox.nodes import Nodes
    from tests.sandbox.nodes.login import login

    async def main():
        async with Nodes(Path(sys.argv[1])) as nodes:
            node = await nodes.add("ncn-w001")
            async with login(nodes, "ncn-w001") as shell:
                unit = "systemd-run -q --wait --pipe --unit=imsbot-x sh -c 'id -u; sleep 0.1; exit 3'; echo $?"
                print((await shell.run(f"hostname; systemctl restart containerd; {unit}")).stdout, end="")
            pod = {"metadata": {"name": "p", "namespace": "ims", "uid": "u"}}
            print(await node.run_pod_sandbox("kata-qemu", {}, pod))
            print("up", flush=True)
            if sys.argv[2:]:
                await asyncio.sleep(60)

    asyncio.run(main())
    """
)
TOLD = ["ncn-w001", "0", "3", "SandboxStarted(kernel_release='6.12.22-145')", "up"]


def _ordinary_user() -> pwd.struct_passwd | None:
    """Somebody whom sshd would let in."""
    logins = [user for user in pwd.getpwall() if 1000 <= user.pw_uid < 60_000]
    return next((user for user in logins if user.pw_shell in ("/bin/sh", "/bin/bash", "/bin/dash")), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are this test for whoever is not root")
async def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    user = _ordinary_user()
    if user is None:
        pytest.skip("this host has no ordinary user with a shell")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    (tmp_path / "story.py").write_text(STORY)
    packages = Path(asyncssh.__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        *("/usr/bin/setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "--"),
        *(f"/usr/bin/python3.{sys.version_info.minor}", str(tmp_path / "story.py"), str(home / "nodes")),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT}:{packages}", "HOME": str(home), "USER": user.pw_name, "PATH": "/usr/bin:/bin"},
    )
    said, _ = await process.communicate()
    assert TOLD == said.decode().splitlines()


async def test_a_killed_sandbox_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "story.py").write_text(STORY)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(tmp_path / "story.py"), str(tmp_path / "nodes"), "stay"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    said = [(await process.stdout.readline()).decode().strip() for _ in TOLD]
    process.kill()
    await process.communicate()
    left = await asyncio.to_thread(_eventually_gone, str(tmp_path / "nodes"))
    assert (TOLD, []) == (said, left)


def _eventually_gone(text: str) -> list[str]:
    """Command lines that still name `text` after up to half a minute."""
    waits = iter(range(600))
    while True:
        lines = [_command_line(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        left = [line for line in lines if text in line]
        if not left or next(waits, None) is None:
            return left
        time.sleep(0.05)


def _command_line(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""

"""A node whose systemd takes units over and starts them only when the test says so.

`systemd-run` writes down what it is given; `systemctl list-units` names the units that the test calls active. So a
test can stand between any two moments of a unit's life, which no real systemd allows.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.adapters.ssh.shell import SshShell
from bot.core.action import Command
from tests.adapters.ssh.conftest import NODE, nodes_of
from tests.adapters.ssh.sshd import Sshd

_SYSTEMD_RUN = """\
#!/usr/bin/python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "broken").exists():
    sys.exit("Failed to start transient service unit: Connection reset by peer")
options = [word for word in sys.argv[1:] if word.startswith("--")]
unit = next(word.partition("=")[2] for word in options if word.startswith("--unit="))
(here / f"{unit}.json").write_text(json.dumps([options, sys.argv[1 + len(options):]]))
"""
_SYSTEMCTL = """\
#!/usr/bin/python3
import fnmatch, pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "broken").exists():
    sys.exit("Failed to list units: Connection reset by peer")
for line in (here / "active").read_text().split():
    if fnmatch.fnmatch(line, sys.argv[-1]):
        print(line, "loaded active running IMS remediation bot")
"""


class PausedNode:
    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.state = directory / "state"
        self.sshd = Sshd(directory / "sshd", options=(f"SetEnv PATH={self.bin}:/usr/bin:/bin",))
        self.bin.mkdir()
        for name, text in (("systemd-run", _SYSTEMD_RUN), ("systemctl", _SYSTEMCTL)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.call_active()

    def call_active(self, *units: str) -> None:
        (self.bin / "active").write_text("".join(f"{unit}.service\n" for unit in units))

    def break_systemd(self) -> None:
        (self.bin / "broken").touch()

    def handed_over(self) -> list[str]:
        return sorted(path.stem for path in self.bin.glob("*.json"))

    def options_of(self, unit: str) -> list[str]:
        return list(json.loads((self.bin / f"{unit}.json").read_text())[0])

    async def run_unit(self, unit: str) -> None:
        """What systemd would do now; returns when the unit has ended."""
        process = await self.begin_unit(unit)
        assert await process.wait() == 0

    async def begin_unit(self, unit: str) -> asyncio.subprocess.Process:
        argv = json.loads((self.bin / f"{unit}.json").read_text())[1]
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
        )

    @asynccontextmanager
    async def shell(self, *, linger_s: float = 0.0, **changes: object) -> AsyncIterator[SshShell]:
        settings = self.sshd.settings(NODE.name, **changes)
        async with nodes_of(settings, self.state, linger_s=linger_s).shell(NODE) as shell:
            yield shell


@asynccontextmanager
async def paused_node(directory: Path) -> AsyncIterator[PausedNode]:
    node = PausedNode(directory)
    await node.sshd.start()
    try:
        yield node
    finally:
        await node.sshd.stop()


def command(*argv: str, timeout_s: int = 20, stdin: str = "") -> Command:
    return Command(key="do", argv=argv, timeout_s=timeout_s, purpose="do it", stdin=stdin)

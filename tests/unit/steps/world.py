"""A private root filesystem in which the steps' own commands run for real: shell, python3, tar, containerd.

systemd and crictl are small stand-ins (`stubs/`). The loop is the runner's in short: read the facts by the real
script, ask the step, do what it asks, ask again.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.core.action import Action, Api, ApiChange, Command, Done, Fail, Outcome, OutcomeKind, Run, Wait
from bot.core.facts import Facts, NodeFacts, node_script, parse_node
from bot.core.settings import Settings
from bot.steps import Step
from tests.unit.steps import samples

STUBS = Path(__file__).parent / "stubs"
STARTED = "{ path=/usr/bin/containerd ; argv[]=/usr/bin/containerd --config /etc/containerd/config.toml ; pid=1 }"


@dataclass
class World:
    root: Path
    settings: Settings
    now: datetime = samples.NOW
    facts: Facts = field(default_factory=samples.facts)
    """Its cluster part is given to the steps; tests replace it."""
    commands: list[Command] = field(default_factory=list)
    changes: list[ApiChange] = field(default_factory=list)
    on_change: Callable[[ApiChange], Outcome] = lambda _: Outcome(OutcomeKind.OK)

    mounts: tuple[str, ...] = ()
    """Further arguments of bwrap."""

    _read: NodeFacts | None = None

    def __post_init__(self) -> None:
        for name in ("etc/containerd", "opt", "var/lib", "run", "usr-local/bin", "tmp", "mirror"):
            (self.root / name).mkdir(parents=True)
        self.path("/etc/containerd/config.toml").write_text(samples.CONFIG)
        self.state = {
            "restarts": 0,
            "timers": {},
            "unit": {
                "LoadState": ["loaded"],
                "ActiveState": ["active"],
                "SubState": ["running"],
                "KillMode": ["process"],
                "ExecStart": [STARTED],
                "ActiveEnterTimestampMonotonic": ["1000000"],
            },
        }
        self.sh("containerd --config /etc/containerd/config.toml config dump >/run/loaded.toml")

    def path(self, path: str) -> Path:
        """Where a path of the node lies; who asks may change it, so the facts are read again."""
        self._read = None
        inside = path.lstrip("/")
        if inside.startswith("usr/local"):
            inside = inside.replace("usr/local", "usr-local", 1)
        return self.root / inside

    @property
    def state(self) -> dict:
        return json.loads(self.path("/run/world.json").read_text())

    @state.setter
    def state(self, state: Mapping) -> None:
        self.path("/run/world.json").write_text(json.dumps(state))

    def exec(self, argv: tuple[str, ...], stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        self._read = None
        binds = [("etc", "/etc"), ("opt", "/opt"), ("var", "/var"), ("run", "/run"), ("tmp", "/tmp")]
        bwrap = ["bwrap", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
        for name in ("bin", "lib", "lib64", "sbin"):
            bwrap += ["--symlink", f"usr/{name}", f"/{name}"]
        for source, target in binds:
            bwrap += ["--bind", str(self.root / source), target]
        bwrap += ["--bind", str(self.root / "usr-local"), "/usr/local", "--ro-bind", str(STUBS), "/stubs"]
        bwrap += self.mounts
        bwrap += ["--unshare-pid", "--unshare-uts", "--hostname", samples.NODE, "--clearenv"]
        bwrap += ["--setenv", "PATH", "/stubs:/usr/bin:/bin", "--chdir", "/"]
        return subprocess.run([*bwrap, *argv], input=stdin.encode(), capture_output=True, timeout=60, check=False)

    def sh(self, script: str) -> str:
        done = self.exec(("sh", "-c", script))
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def read(self) -> NodeFacts:
        """One round of facts by the real script; not repeated while nothing can have changed."""
        if self._read is None:
            self._read = self._read_now()
        return self._read

    def _read_now(self) -> NodeFacts:
        done = self.exec(("sh", "-s"), node_script(self.settings))
        assert (done.returncode, done.stderr) == (0, b"")
        return parse_node(done.stdout)

    def execute(self, command: Command) -> Outcome:
        self.commands.append(command)
        done = self.exec(command.argv, command.stdin)
        kind = OutcomeKind.OK if done.returncode == 0 else OutcomeKind.FAILED
        return Outcome(kind, done.returncode, (done.stdout + done.stderr).decode())

    def ask(self, step: Step, outcomes: Mapping[str, Outcome], began: datetime) -> Action:
        node = self.read() if step.needs_node else None
        facts = replace(self.facts, now=self.now, began=began, node=node, outcomes=outcomes)
        return step.next(facts)

    def drive(self, step: Step, outcomes: dict[str, Outcome] | None = None) -> Done | Fail:
        """Until the step is done or fails; waits make the clock jump."""
        outcomes = {} if outcomes is None else outcomes
        began = self.now
        for _ in range(20):
            match self.ask(step, outcomes, began):
                case Done() | Fail() as end:
                    return end
                case Run(command=command):
                    outcomes[command.key] = self.execute(command)
                case Api(change=change):
                    self.changes.append(change)
                    outcomes[str(type(change).__struct_config__.tag)] = self.on_change(change)
                case Wait(until=until, poll_s=poll_s):
                    assert self.now < until
                    self.now = min(until, self.now + timedelta(seconds=max(poll_s, 20)))
        raise AssertionError(f"{step.name} does not come to an end")

    def fire(self, timer: str, *around: str) -> Outcome:
        """What the node's timer does when nobody disarmed it. `around` is a command that runs it."""
        state = self.state
        command = state["timers"].pop(timer)["command"]
        self.state = state
        done = self.exec((*around, *command))
        kind = OutcomeKind.OK if done.returncode == 0 else OutcomeKind.FAILED
        return Outcome(kind, done.returncode, (done.stdout + done.stderr).decode())


def available() -> bool:
    return all(shutil.which(tool) for tool in ("bwrap", "containerd"))

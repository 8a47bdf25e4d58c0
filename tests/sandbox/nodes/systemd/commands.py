"""The command lines of one activation of a service: with its environment, its streams and its journal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.nodes.machine import Machine
from tests.sandbox.nodes.systemd.expand import expand
from tests.sandbox.nodes.systemd.process import Streams, UnitProcess, spawn
from tests.sandbox.nodes.systemd.record import Execution, Moment
from tests.sandbox.nodes.systemd.spec import ExecLine, ServiceSpec


@dataclass(frozen=True, slots=True)
class Commands:
    """`journal` is a host file; `streams` are those of a client that asked for `--pipe`."""

    machine: Machine
    journal: Path
    spec: ServiceSpec
    invocation: str
    streams: Streams | None

    async def spawn(self, line: ExecLine, environment: Mapping[str, str]) -> tuple[UnitProcess, bool]:
        """Start one; the second value is False when its program could not be executed."""
        variables = {**self.spec.environment, **environment}
        output = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            return await spawn(
                self.machine,
                expand(line.argv, variables),
                invocation=self.invocation,
                environment=variables,
                cwd=self.spec.cwd,
                umask=self.spec.umask,
                streams=self.streams or self._own_streams(output),
            )
        finally:
            os.close(output)

    async def all(
        self, lines: tuple[ExecLine, ...], environment: Mapping[str, str], kept: dict[int, Execution] | None = None
    ) -> bool:
        """Run one after the other to its end; False at the first that fails."""
        for number, line in enumerate(lines):
            process, _ = await self.spawn(line, environment)
            execution = Execution(process.pid, Moment.now())
            execution.exit, execution.ended = await process.wait(), Moment.now()
            if kept is not None:
                kept[number] = execution
            if not execution.exit.clean and not line.ignore_failure:
                return False
        return True

    def _own_streams(self, output: int) -> Streams:
        stdout: int | str = output if self.spec.stdout in ("journal", "inherit") else self.spec.stdout
        stderr: int | str = self.spec.stderr
        if stderr == "inherit":
            stderr = output if isinstance(stdout, int) else "stdout"
        elif stderr == "journal":
            stderr = output
        return Streams(self.spec.stdin, stdout, stderr)

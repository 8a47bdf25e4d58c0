"""What may be asked of a node: `engine.ports.NodeShell` over one connection.

All of it may be asked again after a lost connection: reading changes nothing, an epoch minted twice only leaves
a gap, and a unit's name is taken once. So a question is asked a second time when the connection is lost under it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bot.adapters.ssh.connection import Connection
from bot.adapters.ssh.failures import ConnectionLostError, NoAnswerError, OutputTooLargeError
from bot.adapters.ssh.output import shown_tail
from bot.adapters.ssh.quote import check_argv
from bot.adapters.ssh.request import DEADLINE_MARGIN_S, KILL_AFTER_S, Reply, ask, bounded_line, failure
from bot.core.action import Command, Outcome, OutcomeKind
from bot.core.errors import InputError, PermanentError, TemporaryError, UnknownFactError, UnreachableError
from bot.core.settings import Ssh

T = TypeVar("T")

MAX_FACTS_BYTES = 4 * 1024 * 1024
MAX_SCRIPT_BYTES = 100 * 1024
"""One argument of a Linux program is at most 128 KiB."""
MAX_STDIN_BYTES = 256 * 1024
COLLECT_TURN_S = 20.0
"""How long one question waits on the node for the end of a unit."""
PAUSE_S = 1.0
LINGER_S = 2.0
"""How long the node waits for a unit that it has just started: asking again costs more than most units take."""

_UNIT = re.compile(r"imsbot-[a-z0-9]+(-[a-z0-9]+)*")
_END = "\n# the script ends here"
_READ = f's=$(cat) || exit 98; case $s in *"{_END.strip()}") ;; *) exit 98;; esac; exec sh -c "$s" </dev/null'
"""A script that was cut on its way is not run, and its commands cannot swallow the rest of it."""
_NOT_WHOLE = 98


class SshShell:
    """One node. Use it from several tasks if need be; it holds the connection, and outcomes that came early."""

    def __init__(self, connection: Connection, settings: Ssh, state_dir: str, linger_s: float = LINGER_S) -> None:
        self._connection = connection
        self._settings = settings
        self._state_dir = state_dir
        self._linger_s = linger_s
        self._ended: dict[str, Outcome] = {}
        """Outcomes that came with the answer to `start`; final, as every outcome is."""

    @property
    def node(self) -> str:
        return self._connection.node

    async def read(self, script: str) -> bytes:
        """Run a read-only script by `sh` without standard input; its stdout. One exec.

        Raises UnreachableError, HostKeyError and InputError as `Connection.run`; UnknownFactError when the script
        fails, takes longer than `ssh.facts_timeout_s` or writes more than 4 MiB.
        """
        text = f"{script.rstrip()}{_END}".encode()
        if len(text) > MAX_SCRIPT_BYTES or b"\0" in text:
            raise InputError(f"{self.node}: a script of {len(text)} bytes is too long, or holds a NUL character")
        bound_s = self._settings.facts_timeout_s
        line = bounded_line(("sh", "-c", _READ), bound_s)
        try:
            executed = await _twice(
                lambda: self._connection.run(
                    line,
                    text,
                    deadline_s=bound_s + KILL_AFTER_S + DEADLINE_MARGIN_S,
                    max_bytes=MAX_FACTS_BYTES,
                )
            )
        except OutputTooLargeError as error:
            raise UnknownFactError(f"{error}; a fact was read from the wrong thing") from error
        if executed.exit_status == _NOT_WHOLE:
            raise UnreachableError(f"{self.node}: a script did not arrive whole")
        if executed.exit_status != 0:
            raise UnknownFactError(f"{self.node}: reading its facts {failure(executed)}")
        return executed.stdout

    async def mint_epoch(self, at_least: int, holder: str) -> int:
        """See `NodeShell`. Raises PermanentError when the node's epoch is damaged or cannot be written."""
        return (await self._ask("mint", at_least=at_least, holder=holder)).epoch

    async def start(self, unit: str, command: Command, epoch: int) -> None:
        """See `NodeShell`. A refusal by the epoch, or by systemd, is the unit's outcome and not an error here.

        Raises PermanentError when the node was never asked, or could not even keep the record (a full disk): then
        nothing was run. UnreachableError when the command may run all the same: only `collect` can tell.
        """
        check_argv(command.argv)
        if len(command.stdin.encode()) > MAX_STDIN_BYTES:
            raise InputError(f"{unit}: its standard input is longer than {MAX_STDIN_BYTES} bytes")
        spec = {"argv": command.argv, "timeout_s": command.timeout_s}
        handed = {"unit": _checked(unit), "epoch": epoch, "spec": spec, "stdin": command.stdin}
        reply = await self._hand_over(linger_s=self._linger_s, **handed)
        if reply.state == "ended" and (outcome := _outcome(reply)) is not None:
            self._ended[unit] = outcome

    async def collect(self, unit: str, timeout_s: float) -> Outcome | None:
        """See `NodeShell`. After `None` the name is closed: a start still on its way does nothing.

        Raises UnreachableError after `timeout_s`, also when the unit still runs; HostKeyError and PermanentError
        at once.
        """
        _checked(unit)
        if (told := self._ended.pop(unit, None)) is not None:
            return told
        why = "the node has not answered yet"
        cause: TemporaryError | None = None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    # At most half of what is left: the answer must be back in time.
                    wait_s = min(COLLECT_TURN_S, max(0.2, (deadline - loop.time()) / 2))
                    try:
                        reply = await self._ask("collect", unit=unit, wait_s=wait_s, waits_s=wait_s)
                    except TemporaryError as error:
                        why, cause = str(error), error
                        await asyncio.sleep(PAUSE_S)
                        continue
                    if reply.state != "running":
                        return _outcome(reply)
                    why, cause = "it still runs", None
        except TimeoutError:
            raise UnreachableError(f"{self.node}: {unit} has not ended within {timeout_s:g} s: {why}") from cause

    async def running_units(self) -> Sequence[str]:
        return (await self._ask("running")).units

    async def _hand_over(self, **handed: object) -> Reply:
        """The answer to `start`. After a first try of which nobody knows how far it came, no error of the second
        says that nothing runs: not a changed host key, nor a file of ours that is just being exchanged.
        """
        try:
            return await self._ask_once("start", waits_s=self._linger_s, **handed)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from error
        except ConnectionLostError as lost:
            try:
                return await self._ask_once("start", waits_s=self._linger_s, **handed)
            except PermanentError as error:
                raise UnreachableError(f"{lost}; when it was asked again: {error}") from error

    async def _ask(self, do: str, *, waits_s: float = 0.0, **request: object) -> Reply:
        return await _twice(lambda: self._ask_once(do, waits_s=waits_s, **request))

    async def _ask_once(self, do: str, *, waits_s: float, **request: object) -> Reply:
        bound_s = self._settings.command_timeout_s + waits_s
        return await ask(self._connection, self._state_dir, do, bound_s=bound_s, **request)


async def _twice(question: Callable[[], Awaitable[T]]) -> T:
    try:
        return await question()
    except ConnectionLostError:
        return await question()


def _checked(unit: str) -> str:
    if len(unit) > 200 or not _UNIT.fullmatch(unit):
        raise InputError(
            f"{unit!r} cannot name a unit: imsbot-<incident>-<n>-<key>, lower-case letters and digits"
        )
    return unit


def _outcome(reply: Reply) -> Outcome | None:
    """`None` for a name that the node never took over."""
    if reply.state == "never":
        return None
    output = shown_tail(reply.output, cut=reply.cut)
    why = shown_tail(reply.why.encode())
    return Outcome(
        OutcomeKind(reply.kind),
        exit_code=reply.exit_code,
        output="\n".join(part for part in (output, why) if part),
    )

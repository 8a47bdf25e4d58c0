"""The bot as the sandbox runs it: a process of its own, whose log is followed and which can be killed at any line.

Its standard error goes into a file and, line by line, to whoever waits, so nobody polls. The process dies with the
sandbox, also when that is killed itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

Record = Mapping[str, Any]
"""One line of the bot's log, decoded. Lines that are no JSON (a traceback) have only `event`."""

_T = TypeVar("_T")
_ROOT = Path(__file__).parents[3]
_LINE_LIMIT = 1 << 20
STARTED = "started"


class BotDied(Exception):
    """The process ended by itself; the message holds its last lines."""


class BotProcess:
    """`config` is read anew by each start; `log` grows over all of them."""

    def __init__(self, config: Path, log: Path) -> None:
        self.config = config
        self.log = log
        self.records: list[Record] = []
        """Everything logged so far, over all starts."""
        self.on_record: Callable[[Record], None] = lambda record: None
        """Called with each line as it comes; may `kill`. What it raises is raised to whoever waits for the bot."""
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._mistake: Exception | None = None
        """What `on_record` raised."""
        self._died: BotDied | None = None
        self._end_wanted = False
        self._trouble = asyncio.Event()
        """One of `_mistake` and `_died` is there."""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, timeout_s: float = 60) -> None:
        """Returns when the bot says that it has started. Raises BotDied, TimeoutError."""
        seen = len(self.records)
        self._died, self._end_wanted = None, False
        if self._mistake is None:
            self._trouble.clear()
        self._process = await asyncio.create_subprocess_exec(
            *("/usr/bin/setpriv", "--pdeathsig", "KILL", "--"),
            *(sys.executable, "-m", "bot", "run", "--config", str(self.config)),
            cwd=_ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
        )
        self._reader = asyncio.create_task(self._follow(self._process))
        await self.until(lambda: any(r["event"] == STARTED for r in self.records[seen:]), timeout_s)

    async def until(self, found: Callable[[], _T | None], timeout_s: float) -> _T:
        """What `found` returns as soon as it is true; asked after every line. Raises BotDied, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._news.clear()
                if self._mistake is not None:
                    raise self._mistake
                if result := found():
                    return result
                if self._reader is None or self._reader.done():
                    raise BotDied(f"the bot is not running; its last lines:\n{self.tail()}")
                await self._news.wait()

    async def outliving(self, wanted: Coroutine[Any, Any, _T]) -> _T:
        """What `wanted` returns. Raises BotDied as soon as the bot ends and nobody killed or stopped it here."""
        waiting, trouble = asyncio.create_task(wanted), asyncio.create_task(self._trouble.wait())
        try:
            await asyncio.wait({waiting, trouble}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done() and (error := self._mistake or self._died):
                raise error
            return await waiting
        except TimeoutError as error:
            error.add_note(f"the bot's last lines:\n{self.tail()}")
            raise
        finally:
            waiting.cancel()
            trouble.cancel()
            await asyncio.gather(waiting, trouble, return_exceptions=True)

    def kill(self) -> None:
        """SIGKILL, as the OOM killer would do it. `ended` waits for the end."""
        self._end_wanted = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def ended(self) -> int:
        """The exit code, when the process is gone and its log is read to the end. Negative: a signal."""
        assert self._process is not None
        assert self._reader is not None
        await asyncio.wait({self._reader})  # whoever stops waiting must not stop the reading
        self._reader.result()
        code = await self._process.wait()
        if self._mistake is not None:
            raise self._mistake
        return code

    async def stop(self, timeout_s: float = 20) -> int:
        """SIGTERM, and SIGKILL when that does not help in time."""
        if self._process is None:
            return 0
        self._end_wanted = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                return await self.ended()
        except TimeoutError:
            self.kill()
            return await self.ended()

    async def command(self, *arguments: str, timeout_s: float = 60) -> tuple[int, str, str]:
        """Run `imsbot ARGUMENTS` beside the running bot: exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *arguments, "--config", str(self.config)),
            cwd=_ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(), err.decode()

    def resident_mib(self) -> float:
        """Memory that the running process holds (VmRSS)."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log, for people."""
        return "\n".join(render_record(record) for record in self.records[-lines:]) or "(nothing was logged)"

    def _environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
            if name in os.environ
        }
        return {**kept, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with self.log.open("ab", buffering=0) as log:
            async for line in process.stderr:
                log.write(line)
                record = _decode(line)
                self.records.append(record)
                try:
                    self.on_record(record)
                except Exception as error:  # noqa: BLE001 - whoever waits raises it; a bot nobody reads would hang
                    self._mistake = self._mistake or error
                    self._trouble.set()
                self._news.set()
        code = await process.wait()
        if not self._end_wanted:
            self._died = BotDied(f"the bot ended by itself with {code}; its last lines:\n{self.tail()}")
            self._trouble.set()
        self._news.set()


def _decode(line: bytes) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    return record if isinstance(record, dict) and "event" in record else {"event": line.decode(errors="replace")}


def render_record(record: Record) -> str:
    """One line: when, what, and the rest as `key=value`; of a traceback its last line."""
    rest = {key: value for key, value in record.items() if key not in ("timestamp", "event", "level", "exception")}
    words = [str(record.get("timestamp", ""))[11:23], str(record["event"]).rstrip()]
    words += [f"{key}={value}" for key, value in rest.items() if value is not None]
    if trace := record.get("exception"):
        words.append(str(trace).splitlines()[-1])
    return " ".join(word for word in words if word)

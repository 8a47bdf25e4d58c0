"""How a question reaches the node's program: one message on standard input, one line of JSON back.

The program travels with each question, because a node that was rebuilt has none and one of an older bot would be
another. The message is one JSON document, so one that was cut on its way is not obeyed in part.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

from bot.adapters.ssh.connection import Connection, Executed
from bot.adapters.ssh.failures import NoAnswerError
from bot.adapters.ssh.output import shown_tail
from bot.adapters.ssh.quote import quoted_line
from bot.core.errors import UNDECODABLE, PermanentError, TemporaryError

PACKAGE = "bot.adapters.ssh.node"
STATE_DIR = "/var/lib/imsbot"
"""On every node; survives a reboot."""
KILL_AFTER_S = 5
"""Between SIGTERM and SIGKILL of the remote side."""
DEADLINE_MARGIN_S = 5.0
"""The remote bound first, so that we hear of it; ours is for a node or a network that is gone."""
MAX_REPLY_BYTES = 256 * 1024
PYTHON_OPTIONS = ("-I", "-S", "-B")
"""Nothing of the node's environment or site packages; no files left behind."""
BOUND_REACHED = (124, 137)
"""Exit statuses of coreutils' timeout."""
NOT_RUN = (126, 127)
"""Exit statuses of shell and timeout for a program that cannot be run."""
_BOOT = 'import json,sys;m=json.loads(sys.stdin.buffer.read().decode("ascii"));exec(m["bundle"]["loader"]);call(m)'


class Reply(msgspec.Struct, frozen=True):
    error: Literal["temporary", "permanent"] | None = None
    why: str = ""
    epoch: int = 0
    state: Literal["started", "known", "refused", "running", "ended", "never"] | None = None
    kind: str = ""
    exit_code: int | None = None
    output: bytes = b""
    cut: bool = False
    units: tuple[str, ...] = ()


def bounded_line(argv: tuple[str, ...], bound_s: float) -> str:
    """A remote line that ends by itself: ending our side would not end it."""
    return quoted_line(("timeout", f"--kill-after={KILL_AFTER_S}", f"{bound_s:g}", *argv))


async def ask(connection: Connection, root: str, do: str, *, bound_s: float, **request: Any) -> Reply:
    """Raises what `Connection.run` raises, and TemporaryError or PermanentError with the node's own words."""
    message = {"bundle": _bundle(), "request": {"do": do, "root": root, **request}}
    executed = await connection.run(
        bounded_line(("python3", *PYTHON_OPTIONS, "-c", _BOOT), bound_s),
        json.dumps(message).encode("ascii"),
        deadline_s=bound_s + KILL_AFTER_S + DEADLINE_MARGIN_S,
        max_bytes=MAX_REPLY_BYTES,
    )
    reply = _parse_reply(connection.node, executed)
    if reply.error is None:
        return reply
    error = TemporaryError if reply.error == "temporary" else PermanentError
    raise error(f"{connection.node}: {shown_tail(reply.why.encode())}")


def _parse_reply(node: str, executed: Executed) -> Reply:
    if executed.exit_status in BOUND_REACHED:
        raise TemporaryError(f"{node}: its answer {failure(executed)}")
    if executed.exit_status != 0:
        error = PermanentError if executed.exit_status in NOT_RUN else NoAnswerError
        raise error(f"{node}: its answer {failure(executed)}")
    # A login shell may have greeted us first.
    line = executed.stdout.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        return msgspec.json.decode(line, type=Reply)
    except UNDECODABLE as error:
        raise NoAnswerError(f"{node}: the node's answer cannot be read: {shown_tail(line[:300])!r}") from error


def failure(executed: Executed) -> str:
    """Why a remote line ended without an answer, in one line."""
    words = shown_tail(executed.stderr).strip().splitlines()
    said = words[-1] if words else "nothing on its stderr"
    match executed.exit_status:
        case status if status in BOUND_REACHED:
            return f"ended by its own time bound on the node ({said})"
        case status if status in NOT_RUN:
            return f"needs a program that cannot be run (python3, coreutils): {said}"
        case status:
            return f"ended with exit status {status}: {said}"


@cache
def _bundle() -> dict[str, object]:
    """The node's program: `loader` is run first and imports the modules in this order."""
    files = resources.files(PACKAGE)
    modules = [(name, (files / f"{name}.py").read_text()) for name in ("state", "execute", "control")]
    return {"loader": (files / "loader.py").read_text(), "package": PACKAGE, "modules": modules}

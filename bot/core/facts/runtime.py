"""What the *running* containerd serves: whether CRI is ready, and which runtime handlers it has loaded.

The file says what the next start would do; only `crictl info` says what runs now (domain.md 5, row C). Its
`config.containerd.runtimes` has the handlers in every version (kata-failures.md 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.core.errors import UNDECODABLE
from bot.core.facts.frame import Output

NAME = "runtime"
SOCKET = "unix:///run/containerd/containerd.sock"
COMMAND = f"""
if ! command -v crictl >/dev/null 2>&1; then echo absent; return 0; fi
crictl --runtime-endpoint {SOCKET} --timeout 5s info
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    crictl: bool
    """Without crictl the rest is not known: see `NodeFacts.live_handlers`."""
    ready: bool
    handlers: frozenset[str]
    words: str
    """Why it is not ready."""


class _Condition(msgspec.Struct):
    type: str
    status: bool
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition]


class _Containerd(msgspec.Struct):
    runtimes: dict[str, Mapping[str, Any]]


class _Config(msgspec.Struct):
    containerd: _Containerd


class _Info(msgspec.Struct):
    status: _Status
    config: _Config


def parse(output: Output) -> Runtime:
    if output.exit_code == 0 and output.text.strip() == "absent":
        return Runtime(crictl=False, ready=False, handlers=frozenset(), words="the node has no crictl")
    if output.exit_code != 0:
        words = " ".join((output.stderr or output.text).split())[:300]
        return Runtime(crictl=True, ready=False, handlers=frozenset(), words=words)
    try:
        info = msgspec.json.decode(output.stdout, type=_Info)
    except UNDECODABLE as error:
        raise output.unknown(f"crictl info is not what was expected ({error})") from error
    condition = next((c for c in info.status.conditions if c.type == "RuntimeReady"), None)
    if condition is None:
        raise output.unknown("crictl info has no condition RuntimeReady")
    words = "" if condition.status else f"RuntimeReady is false: {condition.reason} {condition.message}".strip()
    return Runtime(True, condition.status, frozenset(info.config.containerd.runtimes), words)

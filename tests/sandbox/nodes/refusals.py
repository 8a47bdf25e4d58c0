"""With which words containerd 1.6 refuses a Kata sandbox, by what the node lacks.

A simulated worker must say them (`test_nodes_containerd`), and a real one does (`tests/lab/test_kata_states`): so
the one cannot drift from the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.core.model import Family
from tests.sandbox.nodes.state import (
    BARE,
    KATA_CONFIG,
    UNTUNED,
    WITHOUT_HANDLER,
    WITHOUT_KATA,
    WITHOUT_SHIM,
    NodeState,
)

XATTR: Final = {"io.katacontainers.config.hypervisor.virtio_fs_extra_args": '["-o", "xattr"]'}
"""What a customize job asks of Kata."""

UNKNOWN: Final = "rpc error: code = Unknown desc = "
NOT_FOUND: Final = "rpc error: code = NotFound desc = "
TASK: Final = "failed to create containerd task: "
_NO_HANDLER = f'{UNKNOWN}failed to get sandbox runtime: no runtime for "kata-qemu" is configured'
NOT_INSTALLED: Final = (
    f"{UNKNOWN}{TASK}failed to start shim: failed to resolve runtime path: "
    'runtime "io.containerd.kata-qemu.v2" binary not installed "containerd-shim-kata-qemu-v2": '
    "file does not exist: unknown"
)
_QEMU = "/opt/kata/bin/qemu-system-x86_64"
_KERNEL = "/opt/kata/share/kata-containers/vmlinux-6.12.22-145"
_DAEMON = "/opt/kata/libexec/virtiofsd"


@dataclass(frozen=True, slots=True)
class Refusal:
    state: NodeState
    words: str
    family: Family
    """How the bot's rules must understand them, on every version of containerd."""


REFUSALS: Final[Mapping[str, Refusal]] = {
    "bare": Refusal(BARE, _NO_HANDLER, Family.HANDLER_NOT_CONFIGURED),
    "handler": Refusal(WITHOUT_HANDLER, _NO_HANDLER, Family.HANDLER_NOT_CONFIGURED),
    "shim": Refusal(WITHOUT_SHIM, NOT_INSTALLED, Family.SHIM_MISSING),
    "dangling shim": Refusal(WITHOUT_KATA, NOT_INSTALLED, Family.SHIM_MISSING),
    "configuration": Refusal(
        NodeState(missing=(KATA_CONFIG,)),
        f"{NOT_FOUND}{TASK}failed to create shim task: Cannot find usable config file "
        f"(file {KATA_CONFIG} does not exist): not found",
        Family.KATA_CONFIG_MISSING,
    ),
    "hypervisor": Refusal(
        NodeState(missing=(_QEMU,)),
        f"{NOT_FOUND}{TASK}failed to create shim task: {KATA_CONFIG}: file {_QEMU} does not exist: not found",
        Family.KATA_ARTIFACT_MISSING,
    ),
    "guest kernel behind its link": Refusal(
        NodeState(missing=(_KERNEL,)),
        f"{NOT_FOUND}{TASK}failed to create shim task: {KATA_CONFIG}: "
        "file /opt/kata/share/kata-containers/vmlinux.container does not exist: not found",
        Family.KATA_ARTIFACT_MISSING,
    ),
    "file daemon": Refusal(
        NodeState(missing=(_DAEMON,)),
        f"{NOT_FOUND}{TASK}failed to create shim task: fork/exec {_DAEMON}: no such file or directory: not found",
        Family.KATA_ARTIFACT_MISSING,
    ),
}
"""What is missing -> what follows, for a pod that asks for nothing special."""

NOT_EXECUTABLE: Final = (
    f"{UNKNOWN}{TASK}failed to start shim: start failed: : "
    "fork/exec /usr/local/bin/containerd-shim-kata-qemu-v2: permission denied: unknown"
)
"""A shim without its execute bit, where it lies beside containerd: there a file is taken for a program unseen."""

NOT_ENABLED: Final = Refusal(
    UNTUNED,
    f"{UNKNOWN}{TASK}failed to create shim task: annotation {next(iter(XATTR))} is not enabled: unknown",
    Family.ANNOTATION_NOT_ENABLED,
)
"""For a pod with `XATTR`; others start."""

"""Simulated workers: real OpenSSH, a private root filesystem with real tools, and stand-ins for systemd,
containerd and crictl that decide by the node's real files.

Reading order: `fleet` (many nodes), `node` (one), `state` (what it has of Kata), `machine` and `rootfs`
(namespaces and files), `sshd`, `systemd` (units), `programs` (what runs inside, with the node's own python3).
"""

from tests.sandbox.nodes.fleet import Nodes
from tests.sandbox.nodes.node import Node
from tests.sandbox.nodes.state import (
    BARE,
    BROKEN_CONFIG,
    CSM_UNIT,
    HEALTHY,
    PARTIAL,
    UNTUNED,
    WITHOUT_HANDLER,
    WITHOUT_HANDLER_AND_SHIM,
    WITHOUT_KATA,
    WITHOUT_RUNC,
    WITHOUT_SHIM,
    NodeState,
    UnitKind,
    render_config,
)

__all__ = [
    "Node",
    "Nodes",
    "NodeState",
    "UnitKind",
    "render_config",
    "BARE",
    "BROKEN_CONFIG",
    "CSM_UNIT",
    "HEALTHY",
    "PARTIAL",
    "UNTUNED",
    "WITHOUT_HANDLER",
    "WITHOUT_HANDLER_AND_SHIM",
    "WITHOUT_KATA",
    "WITHOUT_RUNC",
    "WITHOUT_SHIM",
]

"""Nodes over SSH: verified connections, read-only scripts, and commands that survive their connection.

Reading order: `nodes` (the port, one connection per node), `shell` (what may be asked of a node), `connection` and
`trust` (how we get in, and whom we believe), `request` (how a question reaches the node) and `node/` (the program
that answers it there). Deciding what to run, and under which Lease, belongs to the engine.
"""

from bot.adapters.ssh.nodes import SshNodes

__all__ = ["SshNodes"]

"""What the bot's own identity may do in the sandbox: the least that works, as in a real cluster.

A call that is missing here is answered with 403, so a new need of the bot shows as a failing test.
"""

from __future__ import annotations

from tests.sandbox.api import User, allow

LEASE_NAMESPACE = "ims-remediation-bot"

BOT = User(
    f"system:serviceaccount:{LEASE_NAMESPACE}:imsbot",
    (
        allow("get list watch", "nodes runtimeclasses"),
        allow("get", "namespaces"),
        allow("list", "pods"),
        allow("patch", "nodes"),
        allow("create", "runtimeclasses"),
        allow("get list watch", "pods jobs events", "ims"),
        allow("create delete", "pods", "ims"),
        allow("get create patch", "leases", LEASE_NAMESPACE),
    ),
)

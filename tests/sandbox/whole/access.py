"""What the bot's own identity may do in the sandbox: exactly what `deploy/rbac.yaml` gives it in a cluster.

A call that is missing there is answered with 403, so a new need of the bot shows as a failing test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from tests.sandbox.api import service_account

RBAC: Final = Path(__file__).parents[3] / "deploy/rbac.yaml"
LEASE_NAMESPACE: Final = "ims-remediation-bot"

BOT: Final = service_account(yaml.safe_load_all(RBAC.read_text()), LEASE_NAMESPACE, "imsbot")

"""Who may log in to the workers, and how a worker proves which one it is: the lab's client key and host keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncssh

_KIND = "ssh-ed25519"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """OpenSSH's files `private` and `private`.pub."""

    private: Path

    @property
    def public(self) -> str:
        """One line, without a newline."""
        return self.private.with_suffix(".pub").read_text().strip()

    def ensure(self, comment: str) -> None:
        """Make it unless it is there."""
        if not self.private.exists():
            self.renew(comment)

    def renew(self, comment: str) -> None:
        self.private.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key(_KIND, comment=comment)
        self.private.touch(mode=0o600)
        self.private.write_bytes(key.export_private_key())
        self.private.with_suffix(".pub").write_bytes(key.export_public_key())

"""kubeconfigs with everything inside, so that one file is all that a client is given."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.api.authority import Issued


def with_certificate(file: Path, server: str, authority: Path, issued: Issued) -> Path:
    """Write `file` for whoever has that certificate; `server` is a URL."""
    return _write(
        file,
        server,
        authority,
        {"client-certificate-data": _inline(issued.certificate), "client-key-data": _inline(issued.key)},
    )


def with_token(file: Path, server: str, authority: Path, token: str) -> Path:
    return _write(file, server, authority, {"token": token})


def _write(file: Path, server: str, authority: Path, user: dict[str, Any]) -> Path:
    cluster = {"server": server, "certificate-authority-data": _inline(authority)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": file.stem, "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": file.stem}}],
        "current-context": "lab",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def _inline(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()

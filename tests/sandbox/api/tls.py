"""A server certificate for loopback, from a certificate authority of one's own.

Users' API servers have a private CA whose certificate stands in the kubeconfig; so has this one. Keys live in
memory and in a temporary folder (the `ssl` module loads from files only) that is gone at once.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .authority import Authority


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What the server listens with, and the PEM that clients must trust."""

    context: ssl.SSLContext
    ca_pem: bytes


def make_server_tls() -> ServerTls:
    """A fresh CA and a certificate for 127.0.0.1, ::1 and localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        authority.prepare()
        issued = authority.for_server("kube-apiserver", ("localhost", "127.0.0.1", "::1"))
        context.load_cert_chain(issued.certificate, issued.key)
        return ServerTls(context, authority.certificate.read_bytes())

"""One open way to the API server: address, TLS, identity and an aiohttp session.

The official `kubernetes` package reads the configuration, so that what works for `kubectl` works here. Nothing
else of it is used: its typed models cost memory and half the speed of a watch (library-facts.md). Requests go
over this session.

Proxies of the environment are ignored on purpose: on CSM they lead outside, not to the API server. A `proxy-url`
in the kubeconfig is honoured.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from bot.adapters.kube.credentials import USUAL_RHYTHM, Credentials, Rhythm
from bot.adapters.kube.official import know_official_package
from bot.adapters.kube.sources import Kubeconfig, ServiceAccount, Source
from bot.core.errors import InputError
from bot.core.settings import Kubernetes

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a pod's token and CA."""

READ_BUFFER_BYTES = 256 * 1024
"""Large enough that a burst of events is decoded in few turns of the loop."""

CONNECT_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Connection:
    """`session` belongs to `connect` and carries no credentials by itself."""

    session: aiohttp.ClientSession
    base_url: str
    credentials: Credentials
    proxy: str | None
    server_hostname: str | None
    """Name in the server's certificate where it is not the one of `base_url` (`tls-server-name`)."""


@asynccontextmanager
async def connect(
    settings: Kubernetes,
    *,
    service_account: Path = SERVICE_ACCOUNT,
    environ: Mapping[str, str] = os.environ,
    rhythm: Rhythm = USUAL_RHYTHM,
) -> AsyncIterator[Connection]:
    """Read the configuration and open a session; no request is made yet. Raises InputError."""
    know_official_package()
    from kubernetes.aio.client.configuration import Configuration

    source: Source
    if settings.kubeconfig is None:
        source = ServiceAccount(service_account, environ)
    else:
        source = Kubeconfig(settings.kubeconfig, settings.context)
    configuration = Configuration()
    credentials = Credentials(source, configuration, rhythm)
    await credentials.load()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=credentials.tls),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        read_bufsize=READ_BUFFER_BYTES,
        trust_env=False,
    )
    async with session:
        yield Connection(
            session=session,
            base_url=_base_url(configuration.host, source.name),
            credentials=credentials,
            proxy=configuration.proxy,
            server_hostname=configuration.tls_server_name,
        )


def _base_url(host: str, source: str) -> str:
    parts = urlsplit(host)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"{source}: the server address {host!r} is not an http or https URL")
    if parts.username or parts.password:
        raise InputError(f"{source}: the server address must not hold credentials")
    return host.rstrip("/")

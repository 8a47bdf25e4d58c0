"""What we show the API server to be let in, renewed while the bot runs for months.

A projected service account token lives an hour, an exec plugin's often minutes, a client certificate some weeks.
The source is read again once a minute (a file, or nothing at all while the plugin's token is valid), and at once
after a 401. A source that cannot be read for a while is not fatal: the last credentials may still be good, and
the server says so when they are not.

Secrets leave this module in one header only. They are in no message, no repr and no log line.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.adapters.kube.sources import Source
from bot.core.errors import InputError, UnreachableError

if TYPE_CHECKING:
    from kubernetes.aio.client.configuration import Configuration

log = structlog.get_logger(__name__)

SOURCE_TIMEOUT_S = 30.0
"""An exec plugin may ask a login service; one that takes longer is broken."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often the source is read again."""

    refresh_s: float = 60.0
    """The kubelet replaces a token at 80 % of its life: a minute is early enough for every token."""
    renew_s: float = 5.0
    """After a 401, at most this often: a wrong identity must not start an exec plugin per request."""


USUAL_RHYTHM = Rhythm()


class Credentials:
    """Bearer token and TLS context of one connection. `load` comes first."""

    def __init__(self, source: Source, configuration: "Configuration", rhythm: Rhythm) -> None:
        self._tls: ssl.SSLContext | None = None
        self._source = source
        self._configuration = configuration
        self._rhythm = rhythm
        self._header: str | None = None
        self._files: tuple[tuple[str, int], ...] = ()
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the configured CA alone, or the system's when there is none. Changes in place with its files."""
        assert self._tls is not None, "load() comes first"
        return self._tls

    def __repr__(self) -> str:
        return f"Credentials({self._source.name})"

    async def load(self) -> None:
        """Read the source. Raises InputError, also when an exec plugin does not answer."""
        try:
            await self._read(anew=True)
        except UnreachableError as error:
            raise InputError(str(error)) from error

    async def authorization(self) -> str | None:
        """Value of the Authorization header, refreshed when due; `None` with a client certificate alone."""
        await self._refresh(self._rhythm.refresh_s, anew=False)
        return self._header

    async def renew(self, refused: str | None) -> bool:
        """After a 401 for the header `refused`: whether there is another one to try now."""
        if self._header == refused:
            await self._refresh(self._rhythm.renew_s, anew=True)
        return self._header != refused

    async def _refresh(self, after_s: float, *, anew: bool) -> None:
        async with self._lock:
            if time.monotonic() - self._read_at < after_s:
                return
            try:
                await self._read(anew=anew)
            except (InputError, UnreachableError) as error:
                self._read_at = time.monotonic()
                log.warning("credentials not renewed", source=self._source.name, error=str(error))

    async def _read(self, *, anew: bool) -> None:
        try:
            async with asyncio.timeout(SOURCE_TIMEOUT_S):
                await self._source.read(self._configuration, anew=anew)
        except TimeoutError as error:
            raise UnreachableError(
                f"{self._source.name}: its exec plugin did not answer in {SOURCE_TIMEOUT_S:g} s"
            ) from error
        header = self._checked_header()
        self._load_tls()
        self._header = header
        self._read_at = time.monotonic()

    def _checked_header(self) -> str | None:
        token: str | None = self._configuration.api_key.get("BearerToken")
        header = (token or "").strip()
        if not header.isprintable():
            raise InputError(f"{self._source.name}: the token holds a line break or another control character")
        return header or None

    def _load_tls(self) -> None:
        """Load CA and client certificate when their files changed; connections made from then on use them."""
        config = self._configuration
        try:
            names = [name for name in (config.ssl_ca_cert, config.cert_file, config.key_file) if name]
            files = tuple((name, Path(name).stat().st_mtime_ns) for name in names)
            if self._tls is not None and files == self._files:
                return
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=config.ssl_ca_cert)
            elif config.ssl_ca_cert:
                self._tls.load_verify_locations(config.ssl_ca_cert)
            if config.cert_file:
                self._tls.load_cert_chain(config.cert_file, config.key_file)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"{self._source.name}: its CA or client certificate is unusable: {error}") from error
        self._files = files

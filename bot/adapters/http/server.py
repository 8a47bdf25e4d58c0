"""`/metrics`, `/healthz` and `/readyz` over plain HTTP, read-only and without authentication.

It is off unless `http.port` is set. Who may ask is decided around it: by the address that it listens on, and in a
cluster by the NetworkPolicy.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from bot.adapters.http.metrics import Readiness, Sources, build_registry
from bot.core.errors import InputError
from bot.core.settings import Http

SHUTDOWN_S = 1.0


@asynccontextmanager
async def listen(settings: Http, sources: Sources) -> AsyncIterator[None]:
    """Raises InputError when the address is not ours or taken."""
    runner = web.AppRunner(_application(sources), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, str(settings.address), settings.port).start()
        except OSError as error:
            where = f"http: cannot listen on {settings.address}, port {settings.port}"
            raise InputError(f"{where}: {error.strerror or error}") from error
        yield
    finally:
        await runner.cleanup()


def _application(sources: Sources) -> web.Application:
    registry = build_registry(sources)

    async def metrics(request: web.Request) -> web.Response:
        return _metrics(registry, request.headers.get("Accept", ""))

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return _readyz(sources.ready)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def _metrics(registry: CollectorRegistry, accept: str) -> web.Response:
    encode, content_type = choose_encoder(accept)
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


def _readyz(ready: Readiness) -> web.Response:
    """503 while any part cannot be relied on; one line for each part either way."""
    found = {part: why_not() for part, why_not in ready.items()}
    lines = [f"{part}: {why or 'ok'}\n" for part, why in found.items()]
    return web.Response(status=503 if any(found.values()) else 200, text="".join(lines))

"""The mirror's HTTP server: archives under stable names, with ranges, and the faults that a download meets."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from aiohttp import web

from tests.sandbox.mirror.archive import Archive, Entries, Format, Trap, build
from tests.sandbox.mirror.release import release

_CHUNK_BYTES = 2048


class Mirror:
    """`async with Mirror(folder) as mirror: archive = await mirror.add("3.17.0")`.

    `host` is the address that it binds to and names in its URLs; `contents` says what a version consists of.
    """

    def __init__(
        self, folder: Path, *, host: str = "127.0.0.1", contents: Callable[[str], Entries] = release
    ) -> None:
        self._folder = folder
        self._host = host
        self._contents = contents
        self._archives: dict[str, Archive] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.requests: Counter[str] = Counter()
        """How often each path was asked for."""
        self.failing_status: int | None = None
        """Answer every download with this status, while set."""
        self.cut_after_bytes: int | None = None
        """Break every download off after so much, while set."""
        self.pause_s: float = 0
        """Wait so long between two pieces of 2 KiB."""

    async def __aenter__(self) -> "Mirror":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{trap}/{name}", self._download)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def add(self, version: str, form: Format = Format.XZ, trap: Trap = Trap.NONE) -> Archive:
        """Build an archive and serve it; the same one as before if it was added before."""
        path = f"/{trap}/kata-static-{version}-amd64.{form}"
        if path not in self._archives:
            self._archives[path] = await asyncio.to_thread(
                build, self._folder / trap, version, form, trap, self._contents
            )
        return self._archives[path]

    def url(self, archive: Archive) -> str:
        for path, known in self._archives.items():
            if known == archive:
                return f"http://{self._host}:{self.port}{path}"
        raise KeyError(f"{archive.name} is not on this mirror")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        self.requests[request.path] += 1
        if self.failing_status is not None:
            return web.Response(status=self.failing_status, text="the mirror has a bad day\n")
        if request.path not in self._archives:
            return web.Response(status=404, text="no such archive\n")
        archive = self._archives[request.path]
        if self.cut_after_bytes is None and not self.pause_s:
            return web.FileResponse(archive.path)
        return await self._drip(request, archive)

    async def _drip(self, request: web.Request, archive: Archive) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = archive.size_bytes
        await response.prepare(request)
        content = archive.path.read_bytes()
        limit = len(content) if self.cut_after_bytes is None else min(self.cut_after_bytes, len(content))
        for start in range(0, limit, _CHUNK_BYTES):
            await response.write(content[start : min(start + _CHUNK_BYTES, limit)])
            await asyncio.sleep(self.pause_s)
        if limit < len(content) and request.transport is not None:
            request.transport.abort()
        return response

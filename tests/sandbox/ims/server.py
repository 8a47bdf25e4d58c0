"""The HTTP server of the stand-in, its records and the faults that a caller meets."""

from __future__ import annotations

import asyncio
import secrets
from types import TracebackType
from typing import Any, Final

from aiohttp import web

CLIENT_ID: Final = "admin-client"
CLIENT_SECRET: Final = "s3cr3t-of-the-admin-client"
STATUSES: Final = (
    "creating",
    "fetching_image",
    "fetching_recipe",
    "waiting_for_repos",
    "building_image",
    "packaging_artifacts",
    "waiting_on_user",
    "error",
    "success",
)


class ImsServer:
    """`async with ImsServer() as ims: ims.add(job_id, "cray-ims-…-create")`."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, int]] = []
        """(method, path, status) of everything that was asked."""
        self.failing_status: int | None = None
        """Answer everything but tokens with this status, while set."""
        self.failing_body = b""
        """What it says then, instead of a problem."""
        self.token_status: int | None = None
        self.in_pieces = False
        """Send every body in two pieces with a pause between, as a gateway may."""
        self.tokens: set[str] = set()
        """Those that are good; a test empties it to end them early."""
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> ImsServer:
        app = web.Application(middlewares=[self._note])
        app.router.add_post("/keycloak/realms/shasta/protocol/openid-connect/token", self._token)
        app.router.add_get("/apis/ims/v3/jobs/{id}", self._get)
        app.router.add_patch("/apis/ims/v3/jobs/{id}", self._patch)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ims/v3"

    @property
    def token_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keycloak/realms/shasta/protocol/openid-connect/token"

    def add(self, job_id: str, kubernetes_job: str, status: str = "creating") -> None:
        self.records[job_id] = {
            "id": job_id,
            "status": status,
            "job_type": "create",
            "kubernetes_job": kubernetes_job,
            "kubernetes_namespace": "ims",
        }

    def asked(self, method: str) -> int:
        """How often a record was asked for by this method."""
        return sum(name == method and "/jobs/" in path for name, path, _ in self.calls)

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.Response = await handler(request)
        self.calls.append((request.method, request.path, response.status))
        return await _in_pieces(request, response) if self.in_pieces else response

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.token_status is not None:
            return web.json_response({"error": "unauthorized_client"}, status=self.token_status)
        given = (form.get("grant_type"), form.get("client_id"), form.get("client_secret"))
        if given != ("client_credentials", CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "unauthorized_client"}, status=401)
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": 300, "token_type": "Bearer"})

    async def _get(self, request: web.Request) -> web.Response:
        return self._refused(request) or web.json_response(self.records[request.match_info["id"]])

    async def _patch(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if set(body) - {"status", "resultant_image_id"} or body.get("status") not in STATUSES:
            return _problem(422, "Input data validation failed")
        record = self.records[request.match_info["id"]]
        record.update(body)
        return web.json_response(record)

    def _refused(self, request: web.Request) -> web.Response | None:
        if self.failing_status is not None and self.failing_body:
            return web.Response(status=self.failing_status, body=self.failing_body)
        if self.failing_status is not None:
            return _problem(self.failing_status, "the stand-in was told to fail")
        _, _, token = request.headers.get("Authorization", "").partition("Bearer ")
        if token not in self.tokens:
            return web.Response(status=401, text="Jwt is not valid")
        if request.match_info["id"] not in self.records:
            return _problem(404, "The job record does not exist")
        return None


async def _in_pieces(request: web.Request, whole: web.Response) -> web.StreamResponse:
    body = whole.body
    assert isinstance(body, bytes)
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    response.content_length = len(body)
    await response.prepare(request)
    for piece in (body[: len(body) // 2], body[len(body) // 2 :]):
        await response.write(piece)
        await asyncio.sleep(0.05)
    return response


def _problem(status: int, detail: str) -> web.Response:
    return web.json_response({"title": "problem", "detail": detail}, status=status)

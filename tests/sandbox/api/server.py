"""The HTTP side: one real server on loopback, as a client with a kubeconfig meets it.

It authenticates, authorizes, meets injected faults, and hands over to `requests` or `watches`; every request
leaves a `Call` in `calls`. It holds no state of its own: stopping and starting keeps all objects, as a
restarted API server does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import replace
from pathlib import Path

import msgspec
import yaml
from aiohttp import web

from .access import Access, Call, User, verb_of
from .discovery import discover
from .faults import Fault, Faults, refusal
from .paths import Target, parse_path
from .pods import PodLogs
from .registry import Registry
from .requests import Answer, answer, answer_question
from .resources import NAMESPACES
from .status import ApiError, no_such_resource
from .tls import ServerTls, make_server_tls
from .watches import WatchStream, parse_watch

_VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"}
_HEALTH = ("/readyz", "/livez", "/healthz")
_FIRST_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_BODY_LIMIT_BYTES = 3 * 1024 * 1024


class ApiServer:
    """A Kubernetes API server stand-in. `registry` is the same cluster for code in this process."""

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        tls: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        bookmark_interval_s: float = 60.0,
    ) -> None:
        self.registry = registry or Registry()
        self.faults = Faults(self.registry.store)
        self.access = Access()
        self.logs = PodLogs()
        self.calls: list[Call] = []
        self.admin_token = self.access.add(User("kubernetes-admin"))
        self._tls: ServerTls | None = make_server_tls() if tls else None
        self._host = host
        self._port = port
        self.bookmark_interval_s = bookmark_interval_s
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        for name in _FIRST_NAMESPACES:
            if self.registry.store.find(NAMESPACES, ("", name)) is None:
                self.registry.create(NAMESPACES, {"metadata": {"name": name}})

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def ca_pem(self) -> bytes:
        """The CA that clients must trust; empty without TLS."""
        return self._tls.ca_pem if self._tls else b""

    async def start(self) -> str:
        """Listen, and return the base URL. Port 0 picks one and keeps it for later starts."""
        self._closing.clear()
        app = web.Application(client_max_size=_BODY_LIMIT_BYTES)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        context = self._tls.context if self._tls else None
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=context)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self.url

    async def stop(self) -> None:
        """End the watches and close. Objects stay; `start` listens on the same port again."""
        if self._runner is not None:
            self._closing.set()
            self.faults.thaw_watches()
            self.registry.store.wake()
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def drop_connections(self) -> None:
        """Cut every open connection without a word, watches included; new ones are welcome."""
        if self._runner is None or self._runner.server is None:
            return
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def kubeconfig(self, path: Path, token: str = "") -> Path:
        """Write a kubeconfig (mode 0600) for `token`, by default the administrator's."""
        cluster: dict[str, str] = {"server": self.url}
        if self._tls:
            cluster["certificate-authority-data"] = base64.b64encode(self.ca_pem).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
            "current-context": "sandbox",
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        if request.path == "/version":
            return _json(200, _VERSION)
        call = Call(request.method.lower(), request.path)
        try:
            user = self.access.authenticate(request.headers.get("Authorization", ""))
            if (document := discover(request.path.rstrip("/"))) is not None:
                return _json(200, document)
            target = parse_path(request.path)
            if target is None:
                raise no_such_resource()
            call = _describe(request, target, user)
            self.access.authorize(user, call, target.resource)
            return await self._meet_faults(request, target, call, user)
        except ApiError as error:
            self.calls.append(replace(call, code=error.code))
            return _json(error.code, error.body)

    async def _meet_faults(
        self, request: web.Request, target: Target, call: Call, user: User
    ) -> web.StreamResponse:
        fault = self.faults.take(call)
        if fault is Fault.THROTTLED:
            self.calls.append(replace(call, code=429))
            text = "Too many requests, please try again later."
            return web.Response(status=429, text=text, headers={"Retry-After": "1"})
        if fault is not None and (error := refusal(fault)) is not None:
            raise error
        if fault is Fault.DROPPED:
            return self._cut(request, call)
        if not target.resource.kept:
            result = await answer_question(self.access, user, target, request)
        elif call.verb == "watch":
            return await self._watch(request, target, call)
        else:
            result = await answer(self.registry, self.logs, target, request)
        if fault is Fault.REPLY_LOST:
            return self._cut(request, call)
        self.calls.append(replace(call, code=result.code))
        return _render(result)

    def _cut(self, request: web.Request, call: Call) -> web.StreamResponse:
        self.calls.append(call)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _watch(self, request: web.Request, target: Target, call: Call) -> web.StreamResponse:
        watch = parse_watch(request.query, target.resource, target.namespace)
        stream = WatchStream(self.registry.store, self.faults, watch, self.bookmark_interval_s, self._closing)
        stream.refuse_if_gone()
        self.calls.append(replace(call, code=200))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the client left between two lines
            await stream.run(response)
        return response


def _describe(request: web.Request, target: Target, user: User) -> Call:
    """A Namespace is in itself, for authorization (apiserver `pkg/endpoints/request/requestinfo.go`)."""
    watching = request.query.get("watch", "") in ("1", "true", "True")
    return Call(
        verb=verb_of(request.method, target.name, watching and not target.name),
        resource=target.resource.plural,
        subresource=target.subresource,
        group=target.resource.group,
        namespace=target.name if target.resource is NAMESPACES else target.namespace,
        name=target.name or _selected_name(request.query.get("fieldSelector", "")),
        user=user.name,
        query=dict(request.query),
    )


def _selected_name(field_selector: str) -> str:
    """A list or watch of one object by its name is authorized as one of that name, as in the real server."""
    terms = dict(term.split("=", 1) for term in field_selector.replace("==", "=").split(",") if "=" in term)
    return terms.get("metadata.name", "")


def _render(result: Answer) -> web.Response:
    if isinstance(result.body, str):
        return web.Response(status=result.code, text=result.body)
    return _json(result.code, result.body)


def _json(code: int, body: object) -> web.Response:
    return web.Response(status=code, body=msgspec.json.encode(body), content_type="application/json")

"""The Web API's front door: token, scope, faults, rate limit, then the method, in the order Slack shows them.

What each method does is in `chat` and `reading`; here is only who may call it and how often.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from tests.sandbox.slack.arguments import ApiError, Arguments, read_arguments
from tests.sandbox.slack.faults import Fault, Faults, Trouble
from tests.sandbox.slack.limits import RateLimits
from tests.sandbox.slack.model import Json

_ERRORS = {429: "ratelimited", 500: "internal_error", 503: "service_unavailable"}


@dataclass(slots=True)
class Token:
    """A credential of the app. Bot tokens begin with `xoxb-`, app-level tokens with `xapp-`."""

    value: str
    scopes: set[str]


@dataclass(frozen=True, slots=True)
class Method:
    """One method: the scope it needs (None for any token) and the kind of token it takes."""

    run: Callable[[Arguments], Json]
    scope: str | None
    token_prefix: str = "xoxb-"


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked and how it was answered, kept so that a test can see what the bot did, and how often."""

    method: str
    channel: str
    status: int
    error: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    body: Json
    status: int = 200
    retry_after_s: int | None = None

    def response(self) -> web.Response:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return web.json_response(self.body, status=self.status, headers=headers)


class WebApi:
    """Serves `/api/{method}`."""

    def __init__(
        self, methods: dict[str, Method], tokens: Iterable[Token], limits: RateLimits, faults: Faults
    ) -> None:
        self.calls: list[Call] = []
        self._methods = methods
        self._tokens = {token.value: token for token in tokens}
        self._limits = limits
        self._faults = faults

    async def serve(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        arguments, unreadable = Arguments({}), None
        try:
            arguments = await read_arguments(request)
        except ApiError as refusal:
            unreadable = _Answer(refusal.body)
        faults = self._faults.take(name)
        answer = await self._before(faults) or unreadable or self._answer(name, request, arguments)
        answer = _after(request, answer, faults)
        call = Call(name, arguments.text("channel"), answer.status, answer.body.get("error"))
        self.calls.append(call)
        return answer.response()

    async def _before(self, faults: list[Fault]) -> _Answer | None:
        """What happens to a call before any work is done; None when it may go on."""
        if self._faults.outage:
            return _trouble(503)
        for fault in faults:
            await asyncio.sleep(fault.delay_s)
            if fault.trouble is Trouble.REFUSE:
                return _trouble(fault.status, fault.retry_after_s)
        return None

    def _answer(self, name: str, request: web.Request, arguments: Arguments) -> _Answer:
        try:
            method = self._admit(name, request, arguments)
            wait_s = self._limits.spend(name, arguments.text("channel"))
            return _Answer(method.run(arguments)) if wait_s is None else _trouble(429, wait_s)
        except ApiError as refusal:
            return _Answer(refusal.body)

    def _admit(self, name: str, request: web.Request, arguments: Arguments) -> Method:
        method = self._methods.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        value = request.headers.get("Authorization", "").removeprefix("Bearer ") or arguments.text("token")
        if not value:
            raise ApiError("not_authed")
        token = self._tokens.get(value)
        if token is None:
            raise ApiError("invalid_auth")
        if not value.startswith(method.token_prefix):
            raise ApiError("not_allowed_token_type")
        if method.scope is not None and method.scope not in token.scopes:
            raise ApiError("missing_scope", needed=method.scope, provided=",".join(sorted(token.scopes)))
        return method


def _trouble(status: int, retry_after_s: int | None = None) -> _Answer:
    return _Answer({"ok": False, "error": _ERRORS[status]}, status, retry_after_s)


def _after(request: web.Request, answer: _Answer, faults: list[Fault]) -> _Answer:
    """The work is done; whether its answer arrives is another matter."""
    for fault in faults:
        if fault.trouble is Trouble.LOSE_REPLY:
            return _trouble(fault.status)
        if fault.trouble is Trouble.HANG_UP and request.transport is not None:
            request.transport.abort()
    return answer

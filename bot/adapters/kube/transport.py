"""One request to the API server and its answer, bounded in time and size.

Each request has one outer deadline over all its tries, a cap on what is read, and ends in an error of
`bot.core.errors` that names the request. Reads are tried again after a lost connection or a 5xx; writes are not,
because nobody knows whether they arrived. A 429 and a 401 are answered before anything is done, so both may be
followed by another try of any request.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bot.adapters.bodies import read_up_to
from bot.adapters.kube.backoff import Backoff
from bot.adapters.kube.connect import Connection
from bot.adapters.kube.resources import Call
from bot.adapters.kube.status import error_of, parse_status
from bot.core.errors import BotError, PermanentError, TemporaryError, UnreachableError
from bot.core.wording import visible

PRODUCT: Final = "ims-remediation-bot"
"""Names us in the server's audit log and, on what we change, in `metadata.managedFields`."""

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A page of 500 usual pods is under 10 MB; more than this is a mistake or an attack."""

MAX_REFUSAL_BYTES: Final = 64 * 1024

TRIES: Final = 3
FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire for one `Call`. Empty parameters are left out."""

    call: Call[Any]
    method: str
    params: Mapping[str, str]
    body: bytes = b""
    content_type: str = "application/json"


class Transport:
    """Sends requests over one `Connection`."""

    def __init__(self, connection: Connection, *, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    async def send(self, request: Request, timeout_s: float | None = None) -> bytes:
        """The body of a 2xx answer; `timeout_s` bounds all tries together."""
        bound_s = timeout_s or self._timeout_s
        try:
            async with asyncio.timeout(bound_s):
                return await self._try(request)
        except TimeoutError as error:
            raise UnreachableError(
                f"{request.call}: no answer from {self._connection.base_url} within {bound_s:g} s"
            ) from error

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of a 2xx answer as they come, without end; the caller holds the deadline. One try."""
        async with self._response(request) as response:
            yield response.content.iter_any()

    async def _try(self, request: Request) -> bytes:
        backoff = Backoff(FIRST_DELAY_S, LONGEST_DELAY_S)
        while True:
            try:
                async with self._response(request) as response:
                    return await _body(request.call, response)
            except TemporaryError as error:
                if not _may_repeat(request, error) or backoff.failures + 1 >= TRIES:
                    raise
                await asyncio.sleep(backoff.next_s(error.retry_after_s))

    @asynccontextmanager
    async def _response(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of 2xx. A 401 is followed by one more try with renewed credentials."""
        credentials = self._connection.credentials
        authorization = await credentials.authorization()
        try:
            async with self._exchange(request, authorization) as response:
                if response.status < 300:
                    yield response
                    return
                refusal = await _refusal(request.call, response)
            if response.status != 401 or not await credentials.renew(authorization):
                raise refusal
            async with self._exchange(request, await credentials.authorization()) as response:
                if response.status >= 300:
                    raise await _refusal(request.call, response)
                yield response
        except aiohttp.ClientError as error:
            raise _broken(request.call, self._connection.base_url, error) from error

    def _exchange(
        self, request: Request, authorization: str | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {"Accept": "application/json", "User-Agent": PRODUCT}
        if authorization:
            headers["Authorization"] = authorization
        if request.body:
            headers["Content-Type"] = request.content_type
        return self._connection.session.request(
            request.method,
            self._connection.base_url + request.call.path,
            params={key: value for key, value in request.params.items() if value},
            data=request.body or None,
            headers=headers,
            proxy=self._connection.proxy,
            server_hostname=self._connection.server_hostname,
            allow_redirects=False,
        )


def _may_repeat(request: Request, error: TemporaryError) -> bool:
    """A 410 and a 409 are for the caller; a refused-for-now (429) was not carried out."""
    if isinstance(error, UnreachableError):
        return request.method == "GET"
    return type(error) is TemporaryError


async def _body(call: Call[Any], response: aiohttp.ClientResponse) -> bytes:
    body = await read_up_to(response, MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise PermanentError(f"{call}: the answer is larger than {MAX_BODY_BYTES // 2**20} MiB")
    return body


async def _refusal(call: Call[Any], response: aiohttp.ClientResponse) -> BotError:
    body = await read_up_to(response, MAX_REFUSAL_BYTES)
    return error_of(call, response.status, parse_status(body), response.headers)


def _broken(call: Call[Any], base_url: str, error: aiohttp.ClientError) -> BotError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = visible(str(error.certificate_error), 300)
            return PermanentError(
                f"{call}: the certificate of {base_url} is not trusted ({why}); "
                "check certificate-authority and the server address"
            )
        case _:
            return UnreachableError(f"{call}: {base_url}: {visible(str(error) or type(error).__name__, 300)}")

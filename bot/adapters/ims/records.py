"""Job records of IMS: whether one still waits, and `error` for one whose job is lost.

Which jobs are lost is decided in `bot/steps/close_records.py`, from the live Kubernetes objects. Here each record
is read first: one that has ended is left as it is, and one that belongs to another Kubernetes Job is refused. The
PATCH itself is idempotent, so a change of which nobody knows whether it arrived is simply made again.

`error` makes IMS delete the job's Service, PVC and DestinationRule; Job and pod stay, with their logs.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
from msgspec import Struct

from bot.adapters.bodies import read_up_to
from bot.adapters.ims.token import TokenSource
from bot.core.action import CloseRecords, ImsRecord, Outcome, OutcomeKind
from bot.core.errors import (
    UNDECODABLE,
    BotError,
    ForbiddenError,
    InputError,
    NotFoundError,
    RejectedError,
    TemporaryError,
    UnreachableError,
)
from bot.core.settings import Ims
from bot.core.wording import visible

ENDED = frozenset({"error", "success"})
_NO_RECORD = "00000000-0000-0000-0000-000000000000"
_MOST_BYTES = 1 << 20


class _Record(Struct, frozen=True):
    """What of an IMS job record matters here (ims: src/server/v3/models, `V2JobRecordSchema`)."""

    status: str
    kubernetes_job: str | None = None


class ImsRecords:
    """The engine's port `Records`."""

    def __init__(self, session: aiohttp.ClientSession, settings: Ims) -> None:
        self._session = session
        self._url = settings.url.rstrip("/")
        self._tokens: TokenSource | None = None
        if settings.token_url is not None and settings.client_secret_file is not None:
            self._tokens = TokenSource(
                session, settings.token_url, settings.client_id, settings.client_secret_file
            )

    async def close(self, change: CloseRecords) -> Outcome:
        """Never raises for what IMS says: that is the outcome's text, one line for each record."""
        ends = [await self._close_one(record) for record in change.records]
        kinds = {kind for kind, _ in ends}
        worst = next((kind for kind in _WORST_FIRST if kind in kinds), OutcomeKind.OK)
        return Outcome(worst, output="\n".join(said for _, said in ends))

    async def check(self) -> str:
        """That IMS answers and knows us, in words; asks for a record that cannot exist. Raises BotError."""
        with suppress(NotFoundError):
            await self._read(_NO_RECORD)
        return f"{self._url} answers"

    async def _close_one(self, record: ImsRecord) -> tuple[OutcomeKind, str]:
        try:
            found = await self._read(record.id)
            if found.status in ENDED:
                return OutcomeKind.OK, f"{record.id}: it is {visible(found.status, 40)} already"
            if found.kubernetes_job not in {None, "", record.job}:
                return OutcomeKind.REFUSED, f"{record.id}: it belongs to another Job than {record.job}"
            await self._send("PATCH", record.id, msgspec.json.encode({"status": "error"}))
        except NotFoundError:
            return OutcomeKind.OK, f"{record.id}: IMS has no such record any more"
        except TemporaryError as error:
            return OutcomeKind.UNKNOWN, str(error)
        except BotError as error:
            return OutcomeKind.FAILED, str(error)
        return OutcomeKind.OK, f"{record.id}: was {visible(found.status, 40)}, is error now"

    async def _read(self, record: str) -> _Record:
        body = await self._send("GET", record)
        try:
            return msgspec.json.decode(body, type=_Record)
        except UNDECODABLE as error:
            raise RejectedError(f"IMS job {record}: the answer is not of the form we know: {error}") from error

    async def _send(self, method: str, record: str, body: bytes = b"") -> bytes:
        """A 401 is followed by one more try with a new token: Keycloak may have ended it early."""
        url = f"{self._url}/jobs/{record}"
        for anew in (False, True):
            headers = {"Accept": "application/json", **await self._authorization(anew)}
            if body:
                headers["Content-Type"] = "application/json"
            try:
                async with self._session.request(
                    method, url, data=body or None, headers=headers, allow_redirects=False
                ) as response:
                    status, answer = response.status, await read_up_to(response, _MOST_BYTES)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = visible(str(error) or type(error).__name__, 200)
                raise UnreachableError(f"{method} {url}: {said}") from error
            if status != 401 or self._tokens is None or anew:
                break
        if 200 <= status < 300:
            return answer
        raise _refusal(f"{method} {url}", status, answer)

    async def _authorization(self, anew: bool) -> dict[str, str]:
        if self._tokens is None:
            return {}
        return {"Authorization": f"Bearer {await self._tokens.token(anew=anew)}"}


_WORST_FIRST = (OutcomeKind.UNKNOWN, OutcomeKind.FAILED, OutcomeKind.REFUSED)


def _refusal(what: str, status: int, answer: bytes) -> BotError:
    said = f"{what}: HTTP {status} {visible(_detail(answer), 200)}".rstrip()
    match status:
        case 404:
            return NotFoundError(said)
        case 401 | 403:
            return ForbiddenError(f"{said}; the client of ims.client_id may not do this")
        case 429:
            return TemporaryError(said)
        case _ if status >= 500:
            return TemporaryError(said)
        case _:
            return RejectedError(said)


def _detail(answer: bytes) -> str:
    """IMS speaks RFC 7807 problems; anything else (a proxy's page) is not quoted."""
    try:
        found = msgspec.json.decode(answer, type=dict[str, object])
    except UNDECODABLE:
        return ""
    return str(found.get("detail") or found.get("title") or "")


@asynccontextmanager
async def open_records(settings: Ims | None) -> AsyncIterator[ImsRecords | None]:
    """`None` where the site did not set `ims`. Raises InputError for a CA file that cannot be used.

    Proxies of the environment are ignored: on CSM they lead outside.
    """
    if settings is None:
        yield None
        return
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except OSError as error:
        raise InputError(f"ims.ca_file: {settings.ca_file} holds no certificates that can be read") from error
    timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        yield ImsRecords(session, settings)

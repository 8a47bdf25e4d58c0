"""A bearer token from Keycloak, as every client of CSM's gateway gets one: client credentials, renewed in time.

The client's secret is read from its file at every renewal, so that a rotated one needs no restart. Neither secret
nor token is ever part of a message: what the token service answers is not quoted.
"""

import time
from pathlib import Path

import aiohttp
import msgspec
from msgspec import Struct

from bot.adapters.bodies import read_up_to
from bot.core.errors import UNDECODABLE, InputError, PermanentError, UnreachableError

EARLY_S = 30.0
"""Renewed so long before its end; at the latest when half of its life is over."""

_MOST_BYTES = 65536


class _Answer(Struct, frozen=True):
    access_token: str
    expires_in: float = 60.0


class TokenSource:
    """`ssl` False would trust anybody, so it is the session's connector that decides."""

    def __init__(self, session: aiohttp.ClientSession, url: str, client_id: str, secret_file: Path) -> None:
        self._session = session
        self._url = url
        self._client_id = client_id
        self._secret_file = secret_file
        self._token = ""
        self._renew_at = 0.0

    async def token(self, *, anew: bool = False) -> str:
        """Raises InputError, PermanentError, UnreachableError."""
        if anew or not self._token or time.monotonic() >= self._renew_at:
            answer = await self._fetch()
            self._token = answer.access_token
            self._renew_at = time.monotonic() + max(answer.expires_in / 2, answer.expires_in - EARLY_S)
        return self._token

    async def _fetch(self) -> _Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret(),
        }
        try:
            async with self._session.post(self._url, data=form, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(self._url, response.status)
                return msgspec.json.decode(await read_up_to(response, _MOST_BYTES), type=_Answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(f"{self._url}: no token: {type(error).__name__}") from error
        except UNDECODABLE:
            raise PermanentError(f"{self._url}: what came back is no token") from None

    def _secret(self) -> str:
        try:
            secret = self._secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"ims.client_secret_file: {self._secret_file} cannot be read as text") from error
        if not secret:
            raise InputError(f"ims.client_secret_file: {self._secret_file} is empty")
        return secret


def _refusal(url: str, status: int) -> PermanentError | UnreachableError:
    if status >= 500:
        return UnreachableError(f"{url}: no token (HTTP {status})")
    return PermanentError(f"{url}: no token (HTTP {status}); check ims.client_id and ims.client_secret_file")

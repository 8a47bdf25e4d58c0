"""One call of the Web API as its method sees it: arguments read by name, and the refusal it can answer with.

Slack takes arguments as a query string, a form or JSON. In the first two everything is text and structures
are JSON within it; the readers here hide that difference.
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.sandbox.slack.model import Json


class ApiError(Exception):
    """An answer `{"ok": false, "error": code, ...}`, sent with HTTP 200 as Slack does."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.body: Json = {"ok": False, "error": code, **details}


class Arguments:
    """The named arguments of a call."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str:
        """The argument, or the empty string when it was not sent."""
        value = self._values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise ApiError(
                "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
            )
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true")

    def whole(self, name: str, default: int, *, most: int) -> int:
        text = self.text(name)
        if not text:
            return default
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise ApiError("invalid_limit")
        return int(text)

    def structure(self, name: str, error: str) -> Any:
        """A JSON argument, decoded if it came as text; None when it was not sent. `error` names a broken one."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ApiError(error) from None


async def read_arguments(request: web.Request) -> Arguments:
    """Decode whichever way the caller chose. Raises ApiError for a body that is not what its type says."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise ApiError("invalid_json") from None
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        values |= body
    else:
        values |= dict(await request.post())
    return Arguments(values)

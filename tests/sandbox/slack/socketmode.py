"""Socket Mode's far end: tickets, connections, envelopes and the three seconds in which they must be answered.

As Slack does it: at most ten connections, each envelope goes to exactly one of them with no pattern promised, and
an interactive envelope is never sent again. Ghosts are connections that Slack still counts and still sends to
although nobody is there (python-slack-sdk#1940).
"""

import asyncio
import contextlib
import json
import random
import time
import uuid
from dataclasses import dataclass
from itertools import count

from aiohttp import WSCloseCode, WSMsgType, web

from tests.sandbox.slack.changes import Changes
from tests.sandbox.slack.model import Json, Outcome
from tests.sandbox.slack.people import APP_ID

MOST_CONNECTIONS = 10
ACK_WITHIN_S = 3.0
TICKET_LIVES_S = 30.0
PING_EVERY_S = 10.0
CLOSE_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one envelope ended, and how long the answer took if it came in time."""

    outcome: Outcome
    ack_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Connection:
    socket: web.WebSocketResponse
    transport: asyncio.Transport


class SocketMode:
    """All the connections of the app. `ack_within_s` is Slack's patience, shorter in tests."""

    def __init__(self, changes: Changes, *, ack_within_s: float = ACK_WITHIN_S, seed: int = 0) -> None:
        self.ghosts = 0
        self.open_for_business = True
        self._changes = changes
        self._ack_within_s = ack_within_s
        self._choice = random.Random(seed)
        self._connections: dict[int, _Connection] = {}
        self._serial = count(1)
        self._tickets: dict[str, float] = {}
        self._spoiled = 0
        self._unanswered: dict[str, asyncio.Event] = {}

    @property
    def connections(self) -> int:
        """How many the app really has; what `hello` tells also counts the ghosts."""
        return len(self._connections)

    def issue_ticket(self, origin: str) -> str:
        """The one-time address that `apps.connections.open` returns. `origin` is ours: `ws://host:port`."""
        ticket = uuid.uuid4().hex
        if self._spoiled:
            self._spoiled -= 1
        else:
            self._tickets[ticket] = time.monotonic() + TICKET_LIVES_S
        return f"{origin}/link/?ticket={ticket}&app_id={APP_ID}"

    def spoil_next_ticket(self) -> None:
        """The address that is issued next is used up already: an outage came between it and the socket."""
        self._spoiled += 1

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take one connection and keep it until either side ends it."""
        if not self.open_for_business or not self._redeem(request.query.get("ticket", "")):
            return web.Response(status=503 if not self.open_for_business else 403, text="no such ticket")
        socket = web.WebSocketResponse(heartbeat=PING_EVERY_S, timeout=CLOSE_WITHIN_S)
        await socket.prepare(request)
        if self.connections + self.ghosts >= MOST_CONNECTIONS:
            await _say_goodbye(socket, "too_many_websockets")
            return socket
        if request.transport is None:
            return socket
        key = next(self._serial)
        self._connections[key] = _Connection(socket, request.transport)
        try:
            await socket.send_json(self._hello())
            self._changes.announce()
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._take_answer(frame.data)
        finally:
            self._connections.pop(key, None)
            self._changes.announce()
        return socket

    async def deliver(self, envelope_id: str, payload: Json) -> Delivery:
        """Send one interactive payload to one connection and wait for its acknowledgement."""
        target = self._choose()
        if target is None and not self.ghosts:
            return Delivery(Outcome.UNDELIVERED)
        sent_at, answered = time.monotonic(), asyncio.Event()
        self._unanswered[envelope_id] = answered
        try:
            if target is not None:
                with contextlib.suppress(ConnectionError):
                    await target.socket.send_json(_interactive(envelope_id, payload))
            async with asyncio.timeout(self._ack_within_s):
                await answered.wait()
        except TimeoutError:
            return Delivery(Outcome.UNACKNOWLEDGED)
        finally:
            del self._unanswered[envelope_id]
        return Delivery(Outcome.ACKNOWLEDGED, time.monotonic() - sent_at)

    async def ask_to_reconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection to go and open a new one. A mere `warning` leaves the connection standing."""
        for socket in self._sockets():
            if reason == "warning":
                await socket.send_json(_disconnect(reason))
            else:
                await _say_goodbye(socket, reason)

    def drop(self) -> None:
        """Cut every connection without a word, as a broken network does."""
        for connection in list(self._connections.values()):
            connection.transport.abort()

    async def close(self) -> None:
        for socket in self._sockets():
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def _redeem(self, ticket: str) -> bool:
        return self._tickets.pop(ticket, 0.0) > time.monotonic()

    def _sockets(self) -> list[web.WebSocketResponse]:
        return [connection.socket for connection in self._connections.values()]

    def _choose(self) -> _Connection | None:
        candidates = [*self._connections.values(), *[None] * self.ghosts]
        return self._choice.choice(candidates) if candidates else None

    def _take_answer(self, text: str) -> None:
        """Frames that are no acknowledgement are ignored, as Slack ignores them."""
        with contextlib.suppress(ValueError):
            match json.loads(text):
                case {"envelope_id": str() as envelope_id} if envelope_id in self._unanswered:
                    self._unanswered[envelope_id].set()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.connections + self.ghosts,
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": APP_ID},
        }


def _interactive(envelope_id: str, payload: Json) -> Json:
    return {
        "envelope_id": envelope_id,
        "type": "interactive",
        "payload": payload,
        "accepts_response_payload": False,
    }


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}


async def _say_goodbye(socket: web.WebSocketResponse, reason: str) -> None:
    await socket.send_json(_disconnect(reason))
    await socket.close()

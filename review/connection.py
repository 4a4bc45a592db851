"""Connections with deadlines: a client that stalls in a request or never reads a response is disconnected.

uvicorn waits for the rest of a request for as long as the client likes, and for a client that does not read as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a client may take, in seconds, and how many connections may be open."""

    head_s: float = 10.0  # from a connection's or a request's begin to the end of its headers
    body_s: float = 20.0  # from there to the end of its body
    answer_s: float = 30.0  # that a client may leave a response unread
    last_answer_s: float = 3.0  # the same, once the page is being closed
    connections: int = 128  # at once; a browser holds six, however many tabs it has


class _Deadline:
    """At most one scheduled call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def begin(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after the delay, unless it is cancelled before."""
        self.end()
        self._handle = self._loop.call_later(seconds, then)

    def end(self) -> None:
        """Cancel the call."""
        if self._handle is not None:
            self._handle.cancel()


class Connection(H11Protocol):
    """A client's connection. When there are too many, the one that has been idle longest makes room."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.idle_since = 0.0  # seconds of the loop's clock
        self._awaited: object = None  # the state of a client whose next step has a deadline
        self._next_step = _Deadline(self.loop)
        self._reading = _Deadline(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._watch_request()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Read on; a deadline does not move because a few more bytes came."""
        super().data_received(data)
        self._watch_request()

    def on_response_complete(self) -> None:
        """Become idle; a request that came meanwhile is begun."""
        self.idle_since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is not h11.IDLE:  # else uvicorn's own keep-alive deadline holds
            self._watch_request()

    def pause_writing(self) -> None:
        """The client does not read: wait for it, but only until its deadline."""
        super().pause_writing()
        self._reading.begin(self.limits.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._reading.end()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even when its last response was never read."""
        super().timeout_keep_alive_handler()
        self._reading.begin(self.limits.answer_s, self.transport.abort)

    def shutdown(self) -> None:
        """Close without waiting for the rest of a request, and only briefly for a client that does not read."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
            return
        super().shutdown()
        if self.transport.is_closing():
            self._reading.begin(self.limits.last_answer_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines."""
        super().connection_lost(exc)
        self._next_step.end()
        self._reading.end()

    def _watch_request(self) -> None:
        """Begin the deadline of the part of a request that is being received, once a part."""
        awaited = self.conn.their_state if self.conn.their_state in _UNFINISHED else None
        if awaited is self._awaited:
            return
        self._awaited = awaited
        self._next_step.end()
        if awaited is not None:
            self._next_step.begin(self.limits.head_s if awaited is h11.IDLE else self.limits.body_s, self._too_slow)

    def _too_slow(self) -> None:
        if self.conn.our_state is h11.IDLE or not self.cycle.response_started:
            self.transport.write(_TIMED_OUT)
        self.transport.close()
        self._reading.begin(self.limits.answer_s, self.transport.abort)

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        waiting = [one for one in others if one.conn.their_state in _UNFINISHED]
        min(waiting, key=_most_expendable, default=self).transport.abort()


def _most_expendable(connection: Connection) -> tuple[bool, float]:
    """Those that have no request come before those whose body is on its way; the longest idle first."""
    return connection.conn.their_state is not h11.IDLE, connection.idle_since


_UNFINISHED = (h11.IDLE, h11.SEND_BODY)  # a client that has no request, or owes the rest of one
